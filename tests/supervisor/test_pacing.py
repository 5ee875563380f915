from workstreams.supervisor.pacing import FIRST_PAUSE, LONGEST_PAUSE, SHORT_LIFE, SOON, Pacing


def test_a_process_that_lived_for_long_is_followed_at_once() -> None:
    assert Pacing().pause_after("main", SHORT_LIFE, orderly=False) == 0


def test_processes_that_end_soon_are_followed_later_and_later_up_to_a_bound() -> None:
    pacing = Pacing()
    pauses = [pacing.pause_after("main", 0.1, orderly=False) for _ in range(10)]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert pacing.pause_after("cpu", 0.1, orderly=False) == FIRST_PAUSE, "another pool has its own"
    pacing.pause_after("main", SHORT_LIFE, orderly=False)
    assert pacing.pause_after("main", 0.1, orderly=False) == FIRST_PAUSE, "a long life makes up for it"


def test_a_process_that_has_run_as_much_as_it_may_is_followed_at_once() -> None:
    assert Pacing().pause_after("main", 0.1, orderly=True) == 0


def test_what_the_next_one_will_hardly_meet_again_is_followed_soon() -> None:
    pacing = Pacing()
    pauses = [pacing.pause_after("main", 0.1, orderly=False, longest=SOON) for _ in range(10)]
    assert max(pauses) == SOON
    assert pacing.pause_after("main", 0.1, orderly=False) == 2 * SOON
