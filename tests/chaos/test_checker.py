"""The judge: it accepts a history that keeps the promises, and refuses each one that breaks one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.checker import judge, story_of
from tests.chaos.hand_made import SECOND, T0, HandMade
from tests.chaos.rows import rows_of

MS = 1_000


def good(**settings: object) -> HandMade:
    """Ten jobs a second in the three slots that are allowed, one of them killed and run again, and ticks."""
    made = HandMade(**settings)
    for number in range(20):
        made.run(f"job-{number}", 10 * MS + number * 101 * MS)
    made.send("killed", 2_200 * MS)
    made.begin("killed", 2_300 * MS, pid=2)
    made.fault("kill-worker", 2_350 * MS, 2_350 * MS, 2)
    made.reap("killed", 2_360 * MS)
    made.begin("killed", 2_370 * MS, delivery=2)
    made.finish("killed", 2_500 * MS, delivery=2)
    made.send("unknown", 2_600 * MS, acked=False)
    for second in range(4):
        made.tick(second)
    made.fault("peace", 3_000 * MS, 3_000 * MS)
    return made


def promises(made: HandMade) -> set[str]:
    return {broken.promise for broken in judge(made.evidence())}


def test_a_history_that_keeps_every_promise_is_accepted() -> None:
    assert judge(good().evidence()) == []


def test_the_report_of_a_good_history_has_no_broken_row() -> None:
    evidence = good(share=0.0).evidence()
    rows = rows_of(evidence, judge(evidence))
    assert all(row.fine is not False for row in rows)
    (twice,) = [row.seen for row in rows if row.name == "ran twice"]
    assert twice.startswith("1; 1 in flight")
    assert twice.endswith("1 by kill-worker")


def lost_without_a_trace(made: HandMade) -> None:
    made.send("lost", 100)
    made.events = [event for event in made.events if event.job != "lost"]


def lost_while_it_waited(made: HandMade) -> None:
    made.send("lost", 100)


def lost_when_it_was_reaped(made: HandMade) -> None:
    made.send("lost", 2_600 * MS)
    made.begin("lost", 2_700 * MS, pid=3)
    made.reap("lost", 2_800 * MS)


def finished_and_never_run(made: HandMade) -> None:
    made.send("hollow", 2_600 * MS)
    made.event("started", 2_700 * MS, "hollow", 1)
    made.event("finished", 2_800 * MS, "hollow", 1)


def finished_before_its_end(made: HandMade) -> None:
    made.send("early", 2_600 * MS)
    made.begin("early", 2_700 * MS)
    made.event("finished", 2_800 * MS, "early", 1)
    made.note("end", 2_900 * MS, "early")


def dead_without_a_reason(made: HandMade) -> None:
    made.send("dead", 2_600 * MS)
    made.begin("dead", 2_700 * MS)
    made.event("dead", 2_800 * MS, "dead", 1)


def dead_as_poison_too_soon(made: HandMade) -> None:
    made.send("dead", 2_600 * MS)
    made.begin("dead", 2_700 * MS, pid=2)
    made.reap("dead", 2_800 * MS)
    made.event("dead", 2_800 * MS, "dead", type="Poison", message="its lease ran out, 1 times while it ran")


def cancelled_by_nobody(made: HandMade) -> None:
    made.send("gone", 2_600 * MS)
    made.event("cancelled", 2_700 * MS, "gone")


@pytest.mark.parametrize(
    "wrong",
    [
        lost_without_a_trace,
        lost_while_it_waited,
        lost_when_it_was_reaped,
        finished_and_never_run,
        finished_before_its_end,
        dead_without_a_reason,
        dead_as_poison_too_soon,
        cancelled_by_nobody,
    ],
)
def test_a_send_that_is_not_accounted_for_is_refused(wrong: Callable[[HandMade], None]) -> None:
    made = good()
    wrong(made)
    assert "I1" in promises(made)


def test_a_job_whose_send_raised_may_run_or_not() -> None:
    made = good()
    made.event("sent", 2_600 * MS, "unknown")
    made.begin("unknown", 2_700 * MS)
    made.finish("unknown", 2_800 * MS)
    assert promises(made) == set()


def test_a_job_whose_send_raised_must_end_all_the_same_once_it_has_arrived() -> None:
    made = good()
    made.send("arrived", 2_600 * MS, acked=False)
    made.event("sent", 2_600 * MS, "arrived")
    assert promises(made) == {"I1"}


def poisoned() -> HandMade:
    made = good()
    made.send("poison", 2_600 * MS)
    for delivery in (1, 2, 3):
        made.begin("poison", (2_600 + 100 * delivery) * MS, delivery, pid=10 + delivery)
        made.reap("poison", (2_650 + 100 * delivery) * MS)
    made.event("dead", 2_950 * MS, "poison", type="Poison", message="its lease ran out, 3 times while it ran")
    return made


def test_poison_that_ended_three_processes_is_no_loss() -> None:
    made = poisoned()
    for delivery in (1, 2, 3):
        at = (2_640 + 100 * delivery) * MS
        made.fault("kill-worker", at, at, 10 + delivery)
    assert promises(made) == set()


def test_a_job_that_is_dead_as_poison_because_redis_was_away_is_refused() -> None:
    made = poisoned()
    for delivery in (1, 2):
        at = (2_640 + 100 * delivery) * MS
        made.fault("kill-worker", at, at, 10 + delivery)
    made.fault("redis", 2_910 * MS, 2_940 * MS)
    assert promises(made) == {"I1"}


def test_a_job_that_is_dead_as_poison_because_of_nothing_is_refused() -> None:
    assert promises(poisoned()) == {"I1"}


def test_one_start_too_many_in_a_window_is_refused() -> None:
    made = good()
    # Ten stand in every second; this one comes in the middle of them.
    made.run("eleventh", 960 * MS, took=10 * MS)
    assert promises(made) == {"I2"}


def test_a_rate_is_judged_in_each_of_its_windows() -> None:
    assert promises(good(rates=("10/s", "20/m"))) == {"I2"}


def test_starts_that_bunch_by_the_jobs_clocks_within_the_margin_are_refused() -> None:
    made = HandMade()
    for number in range(20):
        at = number * 95 * MS if number < 10 else number * 95 * MS + 50 * MS
        made.send(f"job-{number}", at - 10 * MS)
        # What the events say keeps the rate; what the jobs noted does not.
        made.event("started", number * 101 * MS, f"job-{number}", 1)
        made.note("start", number * 101 * MS + (9 * MS if number < 5 else 0), f"job-{number}")
    assert "I2" not in promises(made)
    made = HandMade()
    for number in range(11):
        made.send(f"job-{number}", 0)
        made.event("started", number * 100 * MS, f"job-{number}", 1)
        made.note("start", number * 100 * MS + (9 * MS if number == 0 else 0), f"job-{number}")
    assert "I2" in promises(made)


def test_a_clock_that_the_scripts_bent_is_refused() -> None:
    made = good()
    made.event("started", 0, "job-0", 1)
    object.__setattr__(made.events[-1], "taken", T0 + 3 * SECOND)
    assert "I2" in promises(made)


def test_one_lease_too_many_at_once_is_refused() -> None:
    made = good(rates=("100/s",))
    for number in range(4):
        made.run(f"at-once-{number}", 2_700 * MS + number, took=50 * MS)
    assert promises(made) == {"I3"}


def test_four_runs_at_once_are_refused_though_the_events_tell_of_three_leases() -> None:
    made = good(rates=("100/s",))
    for number in range(4):
        made.run(f"at-once-{number}", 2_700 * MS + number * 20 * MS, took=70 * MS)
    # The first ended, the events say, just before the fourth began.
    finished = next(e for e in made.events if e.job == "at-once-0" and e.name == "finished")
    made.events.remove(finished)
    made.event("finished", 2_759 * MS, "at-once-0", 1)
    assert "I3" in promises(made)


def test_a_run_that_outlived_its_lost_lease_holds_no_slot() -> None:
    made = good(rates=("100/s",))
    made.send("zombie", 2_600 * MS)
    made.begin("zombie", 2_650 * MS, pid=2)
    made.reap("zombie", 2_690 * MS)
    made.note("end", 2_990 * MS, "zombie", pid=2)
    made.begin("zombie", 2_700 * MS, delivery=2)
    made.finish("zombie", 2_800 * MS, delivery=2)
    for number in range(2):
        made.run(f"at-once-{number}", 2_710 * MS + number, took=50 * MS)
    assert promises(made) == set()


def run_twice(made: HandMade) -> None:
    made.note("start", 2_600 * MS, "job-1", delivery=2, pid=5)
    made.note("end", 2_700 * MS, "job-1", delivery=2, pid=5)


def delivered_twice(made: HandMade) -> None:
    made.note("start", 2_600 * MS, "job-1", delivery=1, pid=1)


def leased_twice(made: HandMade) -> None:
    made.send("twice", 2_600 * MS)
    made.begin("twice", 2_700 * MS)
    made.begin("twice", 2_750 * MS, delivery=2, pid=2)
    made.finish("twice", 2_800 * MS, delivery=2, pid=2)


def started_after_its_end(made: HandMade) -> None:
    made.begin("job-1", 2_700 * MS, delivery=2)
    made.finish("job-1", 2_800 * MS, delivery=2)


def run_and_never_sent(made: HandMade) -> None:
    made.begin("alien", 2_700 * MS)
    made.finish("alien", 2_800 * MS)


def run_before_its_admission(made: HandMade) -> None:
    made.send("hasty", 2_600 * MS)
    made.note("start", 2_650 * MS, "hasty")
    made.event("started", 2_700 * MS, "hasty", 1)
    made.finish("hasty", 2_800 * MS)


@pytest.mark.parametrize(
    "wrong",
    [
        run_twice,
        delivered_twice,
        leased_twice,
        started_after_its_end,
        run_and_never_sent,
        run_before_its_admission,
    ],
)
def test_a_run_that_no_lost_lease_accounts_for_is_refused(wrong: Callable[[HandMade], None]) -> None:
    made = good()
    wrong(made)
    assert "I4" in promises(made)


def doubled_tick(made: HandMade) -> None:
    made.tick(2, "another-job-of-tick-2")


def missing_tick(made: HandMade) -> None:
    made.events = [event for event in made.events if event.job != "tick-2"]
    made.notes = [note for note in made.notes if note.job != "tick-2"]


def missing_ticks_at_the_end(made: HandMade) -> None:
    made.fault("peace", 6 * SECOND, 6 * SECOND)


def no_tick(made: HandMade) -> None:
    made.events = [event for event in made.events if not event.job.startswith("tick")]
    made.notes = [note for note in made.notes if not note.job.startswith("tick")]


def fired_and_skipped(made: HandMade) -> None:
    tick = next(
        event.more["tick"] for event in made.events if event.job == "tick-2" and event.name == "fired"
    )
    made.event("tick_skipped", 2 * SECOND, "", workstream="ticks", tick=tick, reason="missed")


@pytest.mark.parametrize(
    "wrong", [doubled_tick, missing_tick, missing_ticks_at_the_end, no_tick, fired_and_skipped]
)
def test_a_tick_without_exactly_one_job_is_refused(wrong: Callable[[HandMade], None]) -> None:
    made = good()
    wrong(made)
    assert promises(made) == {"I5"}


def test_a_tick_that_an_event_skips_by_name_is_not_missed() -> None:
    made = good()
    fired = next(event for event in made.events if event.job == "tick-2" and event.name == "fired")
    missing_tick(made)
    made.event("tick_skipped", 3 * SECOND, "", workstream="ticks", tick=fired.more["tick"], reason="missed")
    assert promises(made) == set()


def forgotten(made: HandMade) -> None:
    made.sends["forgotten"] = made.sends["job-0"].__class__("forgotten", T0 + 2_700 * MS, T0 + 2_800 * MS)


def test_a_send_that_redis_forgot_in_a_crash_is_excused_where_writes_are_not_saved_before_the_answer() -> (
    None
):
    made = good(fsync="everysec")
    forgotten(made)
    assert promises(made) == {"I1"}
    made.fault("redis", 3_500 * MS, 4_000 * MS)
    assert promises(made) == set()


def test_nothing_is_excused_where_every_write_is_saved_before_its_answer() -> None:
    made = good(fsync="always")
    forgotten(made)
    made.fault("redis", 3_500 * MS, 4_000 * MS)
    assert promises(made) == {"I1"}


def test_a_send_long_before_the_crash_is_not_excused() -> None:
    made = good(fsync="everysec")
    forgotten(made)
    made.fault("redis", 8_500 * MS, 9_000 * MS)
    assert promises(made) == {"I1"}


def test_a_job_that_redis_still_knows_is_not_excused() -> None:
    made = good(fsync="everysec")
    made.send("stuck", 2_700 * MS)
    made.fault("redis", 3_500 * MS, 4_000 * MS)
    assert promises(made) == {"I1"}


def followed(made: HandMade, *follow_ups: str) -> None:
    made.send("parent", 2_600 * MS, kind="followed")
    made.begin("parent", 2_700 * MS)
    made.finish("parent", 2_800 * MS)
    for job in follow_ups:
        made.event("sent", 2_800 * MS, job, workstream="after")
        made.event("started", 2_801 * MS, job, 1, workstream="after")
        made.note("start", 2_802 * MS, job, of="parent")
        made.note("end", 2_803 * MS, job)
        made.event("finished", 2_805 * MS, job, 1, workstream="after")


def test_what_a_finish_sends_is_to_run_once() -> None:
    made = good()
    followed(made, "next")
    assert promises(made) == set()


@pytest.mark.parametrize("follow_ups", [(), ("next", "and-again")])
def test_a_finish_that_sent_nothing_or_more_is_refused(follow_ups: tuple[str, ...]) -> None:
    made = good()
    followed(made, *follow_ups)
    assert promises(made) == {"I4"}


def test_what_follows_a_job_that_was_to_have_no_follow_up_is_refused() -> None:
    made = good()
    made.event("sent", 2_800 * MS, "next", workstream="after")
    made.event("started", 2_801 * MS, "next", 1, workstream="after")
    made.note("start", 2_802 * MS, "next", of="job-1")
    made.note("end", 2_803 * MS, "next")
    made.event("finished", 2_805 * MS, "next", 1, workstream="after")
    assert promises(made) == {"I4"}


def test_an_attempt_that_failed_accounts_for_another_run() -> None:
    made = good()
    made.send("flaky", 2_600 * MS, kind="flaky")
    made.begin("flaky", 2_700 * MS)
    made.note("fail", 2_710 * MS, "flaky")
    made.event("retrying", 2_711 * MS, "flaky", 1)
    made.begin("flaky", 2_900 * MS, delivery=2)
    made.finish("flaky", 2_950 * MS, delivery=2)
    assert promises(made) == set()


def test_a_job_that_failed_and_is_recorded_as_finished_is_refused() -> None:
    made = good()
    made.send("flaky", 2_600 * MS, kind="flaky")
    made.begin("flaky", 2_700 * MS)
    made.note("fail", 2_710 * MS, "flaky")
    made.event("finished", 2_720 * MS, "flaky", 1)
    assert promises(made) == {"I1"}


def test_a_start_while_its_workstream_was_paused_is_refused() -> None:
    made = good()
    made.fault("pause", 2_601 * MS, 2_699 * MS, certain=True)
    made.run("beside", 2_700 * MS)
    assert promises(made) == set()
    made.run("amid", 2_650 * MS)
    assert promises(made) == {"I8"}


def test_a_start_while_nobody_knows_whether_the_pause_arrived_is_no_fault() -> None:
    made = good()
    made.fault("pause", 2_601 * MS, 2_699 * MS, certain=False)
    made.run("amid", 2_650 * MS)
    assert promises(made) == set()


def cancelled(was: str) -> HandMade:
    made = good()
    made.send("cancelled", 2_600 * MS)
    made.fault("cancel", 2_610 * MS, 2_620 * MS, job="cancelled", was=was)
    return made


def test_a_job_that_somebody_cancelled_may_be_cancelled() -> None:
    made = cancelled("waiting")
    made.event("cancelled", 2_615 * MS, "cancelled")
    assert promises(made) == set()


def test_a_job_that_was_cancelled_while_it_waited_and_finished_is_refused() -> None:
    made = cancelled("waiting")
    made.begin("cancelled", 2_700 * MS)
    made.finish("cancelled", 2_800 * MS)
    assert promises(made) == {"I8"}


def test_a_job_that_was_asked_to_stop_may_finish() -> None:
    made = cancelled("running")
    made.begin("cancelled", 2_605 * MS)
    made.finish("cancelled", 2_800 * MS)
    assert promises(made) == set()


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
