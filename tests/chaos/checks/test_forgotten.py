"""What a crash of Redis may take along is excused, and nothing else."""

from __future__ import annotations

from tests.chaos.hand_made import MS, T0, HandMade, good, promises


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
