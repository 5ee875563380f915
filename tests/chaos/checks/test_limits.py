"""Rates and slots in hand-made histories: one too many is refused, by whatever clock."""

from __future__ import annotations

from tests.chaos.hand_made import MS, SECOND, T0, HandMade, good, promises


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
