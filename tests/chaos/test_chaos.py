"""The promises under fire: half a minute of faults, and the history is judged."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.chaos.__main__ import main
from tests.chaos.checker import judge, story_of
from tests.chaos.checks.evidence import Evidence
from tests.chaos.checks.slots import leases_at_once
from tests.chaos.hand_made import HandMade
from tests.chaos.history import History
from tests.chaos.plan import kinds_of
from tests.chaos.session import Session
from tests.chaos.settings import Settings
from tests.chaos.windows import most_in_any

#: What a busy machine with two processors still does beside other tests, so that the limits are what binds;
#: how fast it does so is not judged here.
SMALL = Settings(
    seconds=25,
    seed=280,
    rates=("20/s", "45/3s"),
    concurrency=8,
    work=4,
    kill_every=1.8,
    hosts=2,
    threads=6,
    faults=kinds_of(["kill", "stop", "deploy", "redis", "full", "proxy", "operate"]),
    fsync="always",
    share=0,
)


@pytest.mark.timeout(300)
def test_every_promise_is_kept_while_processes_die_redis_crashes_and_the_way_there_breaks() -> None:
    # A short folder: the path of a unix socket holds 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="wsc"))
    Session(folder, SMALL).run()
    evidence = Evidence(History.load(folder))
    broken = judge(evidence)
    stories = [line for one in broken[:3] if one.job for line in (one.job, *story_of(evidence, one.job))]
    assert broken == [], "\n".join([f"the history is kept in {folder}", *stories])

    history = evidence.history
    assert sum(send.acked is not None for send in history.sends.values()) > 100, "it was work"
    assert leases_at_once(evidence)[0] == SMALL.concurrency, "the slots were all used"
    started = [event.at for event in evidence.calls if event.name == "started"]
    for rate in SMALL.limits:
        assert most_in_any(started, rate.window)[0] == rate.permits, f"{rate} was used up"
    kinds = {fault.kind.partition("-")[0] for fault in history.faults}
    assert {"kill", "redis", "full", "hang", "pause", "cancel"} <= kinds, "it was fire"
    assert any(life.ends(("reaped",)) for life in evidence.lives.values()), "it hurt"
    shutil.rmtree(folder)


def test_the_command_ends_with_0_when_every_promise_was_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(share=0.0).save(tmp_path)
    assert main(["--judge", str(tmp_path)]) == 0
    assert "BROKEN" not in capsys.readouterr().out


def test_the_command_ends_with_1_and_tells_the_story_of_a_job_that_was_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = kept(share=0.0)
    made.send("lost", 500)
    made.save(tmp_path)
    assert main(["--judge", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "BROKEN" in told
    assert "history of lost" in told
    assert "event sent" in told


def test_the_command_ends_with_1_when_too_little_of_the_rate_was_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(share=1_000.0).save(tmp_path)
    assert main(["--judge", str(tmp_path)]) == 1
    assert "too little" in capsys.readouterr().out


def kept(**settings: object) -> HandMade:
    made = HandMade(**settings)
    for second in range(4):
        made.tick(second)
        made.run(f"job-{second}", second * 1_000_000 + 1_000)
    made.fault("peace", 3_000_000, 3_000_000)
    return made
