"""The judge: it accepts a history that keeps the promises, and tells the story of a job."""

from __future__ import annotations

from tests.chaos.checker import judge, story_of
from tests.chaos.hand_made import good
from tests.chaos.rows import rows_of


def test_a_history_that_keeps_every_promise_is_accepted() -> None:
    assert judge(good().evidence()) == []


def test_the_report_of_a_good_history_has_no_broken_row() -> None:
    evidence = good(share=0.0).evidence()
    rows = rows_of(evidence, judge(evidence))
    assert all(row.fine is not False for row in rows)
    (twice,) = [row.seen for row in rows if row.name == "ran twice"]
    assert twice.startswith("1; 1 in flight")
    assert twice.endswith("1 by kill-worker")


def test_the_story_of_a_job_tells_everything_in_order() -> None:
    story = list(story_of(good().evidence(), "killed"))
    words = [line.split("  ", 1)[1].split(" pid")[0] for line in story]
    assert [word.split()[:3] for word in words] == [
        ["its", "send", "began"],
        ["event", "sent"],
        ["its", "send", "returned"],
        ["event", "started"],
        ["run", "noted", "start"],
        ["fault", "kill-worker", "[2]"],
        ["event", "reaped"],
        ["event", "started"],
        ["run", "noted", "start"],
        ["run", "noted", "end"],
        ["event", "finished"],
    ]
