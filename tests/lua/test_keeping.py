"""What has ended is kept for as long as it was declared, and no longer: by age and by count."""

from __future__ import annotations

from importlib import resources
from typing import Any

import orjson
import pytest

from tests.lua.rig import SECOND, Rig
from tests.support import events_in
from workstreams.store.library import FRAGMENTS

DAY = 86_400 * SECOND


@pytest.fixture
def mail(rig: Rig) -> Rig:
    keep = {"done": {"age": "1h", "count": 20}, "dead": {"age": "1d", "count": 10}}
    rig.publish(mail={"keep": keep})
    rig.open("s1", "mail", lease=400 * DAY)
    return rig


def end(rig: Rig, outcome: str, n: int = 1) -> list[str]:
    """Jobs that have ended so."""
    ids = rig.send("mail", n)
    rig.tell("s1", *(given.end(outcome) for given in rig.ask("s1", "mail", n).grants))
    return ids


def tidy(rig: Rig, most: int) -> int:
    """What ``jobs.tidy`` returns."""
    folder = resources.files("workstreams.store").joinpath("lua", "fragments")
    text = "\n".join(folder.joinpath(f"{name}.lua").read_text() for name in FRAGMENTS)
    begin = "calls.begin(KEYS) clock.read('', 'e')"
    call = "local n = jobs.tidy(ARGV[1], tonumber(ARGV[2])) events.flush() return n"
    found: Any = rig.client.eval(f"{text}\n{begin} {call}", 1, rig.keys.clock, "mail", most)
    return int(found)


def kept(rig: Rig, index: str) -> int:
    return int(rig.client.zcard(rig.keys.workstream("mail", index)))


def records(rig: Rig) -> int:
    return sum(1 for _ in rig.client.scan_iter(match=rig.keys.workstream("mail", "job", "*"), count=1000))


def test_dead_letters_of_months_are_kept_by_age_though_few_die(mail: Rig) -> None:
    for _ in range(100):
        end(mail, "dead")
        # Odd, so that few calls fall on a round µs.
        mail.advance(DAY // 4 + 1)
    assert kept(mail, "dead") <= 4
    assert records(mail) == kept(mail, "dead")


def test_dead_letters_are_kept_by_count_though_many_die_at_once(mail: Rig) -> None:
    for _ in range(5):
        end(mail, "dead", 9)
    last = end(mail, "dead")
    assert kept(mail, "dead") == 10
    assert mail.state("mail", last[0]) == "dead"


def test_a_dead_letter_that_is_kept_no_longer_is_said_to_be_gone(mail: Rig) -> None:
    [first] = end(mail, "dead")
    mail.advance(2 * DAY)
    end(mail, "dead")
    assert mail.state("mail", first) == "gone"
    [event] = events_in(mail.client, mail.keys.workstream("mail", "log"), "discarded")
    told = orjson.loads(event["x"])
    assert told == {"reason": "kept no longer", "was": "dead", "count": 1, "first": first, "last": first}


@pytest.mark.parametrize(("outcome", "index"), [("dead", "dead"), ("cancelled", "done")])
def test_what_ended_is_tidied_away_where_nothing_ends_any_more(mail: Rig, outcome: str, index: str) -> None:
    old = end(mail, outcome, 5)
    mail.advance(DAY - SECOND if outcome == "dead" else 3600 * SECOND - 1)
    assert (tidy(mail, 100), kept(mail, index)) == (0, 5)
    mail.advance(SECOND)
    assert [tidy(mail, 3), tidy(mail, 3), tidy(mail, 3)] == [3, 2, 0]
    assert (kept(mail, index), records(mail)) == (0, 0)
    assert {mail.state("mail", job) for job in old} == {"gone"}


def test_a_lowered_count_is_reached_by_tidying(mail: Rig) -> None:
    end(mail, "dead", 8)
    end(mail, "cancelled", 15)
    mail.publish("2", mail={"keep": {"done": {"count": 4}, "dead": {"count": 2}}})
    while tidy(mail, 5):
        pass
    assert (kept(mail, "dead"), kept(mail, "done")) == (2, 4)


def test_finished_jobs_of_months_are_kept_by_age_though_each_end_looks_only_now_and_then(mail: Rig) -> None:
    mail.publish("2", mail={"keep": {"done": {"age": "1h", "count": 1_000_000}}})
    for _ in range(200):
        end(mail, "cancelled", 3)
        # Odd, so that some calls fall on a sixteenth µs.
        mail.advance(600 * SECOND + 1)
    # Six times three in an hour, and what came since somebody looked.
    assert kept(mail, "done") <= 18 + 16 * 3
    assert records(mail) == kept(mail, "done")


def test_a_job_sent_again_under_the_id_of_a_forgotten_one_is_not_forgotten_with_it(mail: Rig) -> None:
    mail.send("mail", ids=["nightly"])
    mail.tell("s1", mail.ask("s1", "mail").grants[0].end("cancelled"))
    mail.advance(3600 * SECOND)
    assert tidy(mail, 100) == 1
    mail.send("mail", ids=["nightly"])
    mail.advance(3600 * SECOND)
    assert tidy(mail, 100) == 0
    assert mail.ask("s1", "mail").ids == ["nightly"]
