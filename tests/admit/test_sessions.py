from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.lua.rig import SECOND, Rig
from workstreams.admit.sessions import SessionInfo, Sessions, new_sid


@pytest.fixture
def rig(shared_client: redis.Redis, tmp_path: Path) -> Rig:
    made = Rig(shared_client, tmp_path)
    made.freeze()
    made.publish(mail=None)
    return made


@pytest.fixture
def sessions(rig: Rig) -> Sessions:
    return Sessions(rig.scripts)


def info(sid: str, most: int = 3) -> SessionInfo:
    return SessionInfo(sid, f"h:{sid}", "main", ("mail",), most)


def running(rig: Rig, sid: str, n: int) -> list[str]:
    rig.seqs.setdefault(sid, 0)
    rig.send("mail", n)
    return rig.ask(sid, "mail", n).ids


def test_names_of_sessions_are_different() -> None:
    assert len({new_sid() for _ in range(1000)}) == 1000


def test_an_open_session_says_who_it_is(rig: Rig, sessions: Sessions) -> None:
    epoch = sessions.open(info("s1"), 5 * SECOND)
    stored = rig.client.hgetall(rig.keys.session("s1"))
    assert (stored[b"worker"], stored[b"pool"], stored[b"workstreams"]) == (b"h:s1", b"main", b"mail")
    assert epoch == rig.client.hget(rig.keys.clock, "epoch").decode()


def test_a_renewal_names_what_was_lost_and_when_the_next_may_run_out(rig: Rig, sessions: Sessions) -> None:
    sessions.open(info("s1"), 5 * SECOND)
    sessions.open(info("s2"), 3 * SECOND)
    renewal = sessions.renew(["s1", "gone"], 5 * SECOND)
    assert (renewal.lost, renewal.overdue, renewal.next_expiry) == (("gone",), (), 3.0)


def test_a_renewal_sweeps_some_that_ran_out_and_says_to_come_again_at_once_for_more(
    rig: Rig, sessions: Sessions
) -> None:
    for sid in (*(f"dead{n}" for n in range(1, 7)), "s1"):
        sessions.open(info(sid), SECOND)
    ids = running(rig, "dead1", 2)
    rig.advance(2 * SECOND)
    expiries = [sessions.renew(["s1"], 5 * SECOND).next_expiry for _ in range(2)]
    assert expiries == [0.0, 5.0]
    rig.seqs["s1"] = 0
    assert rig.ask("s1", "mail", 5).ids == ids


def test_a_renewal_names_jobs_past_their_hard_bound(rig: Rig, sessions: Sessions) -> None:
    rig.publish("2", mail={"timeout": "1s"})
    sessions.open(info("s1"), 3600 * SECOND)
    [job] = running(rig, "s1", 1)
    rig.advance(62 * SECOND)
    assert sessions.renew(["s1"], 3600 * SECOND).overdue == (("s1", f"mail/{job}~1"),)


def test_ending_gives_back_everything_in_as_many_steps_as_it_takes(rig: Rig, sessions: Sessions) -> None:
    sessions.open(info("s1"), 5 * SECOND)
    running(rig, "s1", 230)
    assert sessions.end("s1", "killed by signal 9", blame=True) == 230
    assert sessions.end("s1", "again", blame=True) == 0
    assert (rig.running("mail"), rig.waiting("mail")) == (0, 230)
    assert rig.client.zcard(rig.keys.sessions) == 0


def test_only_a_blamed_end_counts_against_the_jobs(rig: Rig, sessions: Sessions) -> None:
    [job] = rig.send("mail", 1)
    for sid, blame, crashes in (("s1", False, "0"), ("s2", True, "1")):
        sessions.open(info(sid), 5 * SECOND)
        rig.seqs[sid] = 0
        assert rig.ask(sid, "mail").ids == [job]
        sessions.end(sid, "gone", blame=blame)
        assert rig.job("mail", job).get("crashes", "0") == crashes


def test_the_last_lines_of_what_a_session_holds_go_with_its_end_by_the_name_of_the_lease(
    rig: Rig, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.open(info("s1"), 5 * SECOND)
    silent, guilty = running(rig, "s1", 2)
    calls: list[Mapping[str, Any]] = []
    run = rig.scripts.run

    def note(operation: str, call: Mapping[str, Any]) -> Any:
        calls.append(call)
        return run(operation, call)

    monkeypatch.setattr(rig.scripts, "run", note)
    said = {f"mail/{guilty}": ["{}"], "mail/elsewhere": ["{}"]}
    sessions.end("s1", "it was killed", blame=True, last_lines=lambda name: said.get(name, []))
    assert calls[-1]["tails"] == {f"mail/{guilty}~1": ["{}"]}
    assert silent not in str(calls[-1]["tails"])
