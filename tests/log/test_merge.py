from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workstreams.log.merge import Arrived, Merge
from workstreams.log.position import Position

places = st.lists(st.tuples(st.integers(0, 50), st.sampled_from("abc")), max_size=40, unique=True)


def arrived(time: int, name: str, settled: float = 0.0) -> Arrived:
    return Arrived(Position(time, time, 0, 0, name), settled, {"event": f"{name}{time}"})


@given(places, st.integers(0, 50))
def test_what_is_released_is_in_order_and_stands_before_what_is_still_to_be_read(
    found: list[tuple[int, str]], complete_to: int
) -> None:
    merge = Merge()
    for time, name in found:
        merge.add(arrived(time, name))
    released = [line.position for line in merge.release(1.0, complete_to)]
    assert released == sorted(Position(time, time, 0, 0, name) for time, name in found if time < complete_to)
    rest = [line.position for line in merge.release_all()]
    assert sorted(released + rest) == sorted(Position(time, time, 0, 0, name) for time, name in found)


@given(places, st.integers(0, 45))
def test_the_last_lines_are_those_that_stand_last(found: list[tuple[int, str]], most: int) -> None:
    merge = Merge()
    for time, name in found:
        merge.add(arrived(time, name))
    merge.keep_last(most)
    kept = [line.position for line in merge.release_all()]
    everything = sorted(Position(time, time, 0, 0, name) for time, name in found)
    assert kept == everything[len(everything) - min(most, len(everything)) :]
    assert merge.held("a") == 0


def test_a_line_waits_until_all_streams_were_read_after_it_settled() -> None:
    merge = Merge()
    merge.add(arrived(1, "a", settled=5.0))
    assert list(merge.release(4.9, None)) == []
    assert merge.next_settled() == 5.0
    merge.add(arrived(0, "b", settled=5.1))
    assert list(merge.release(5.0, None)) == []
    assert [line.position.name for line in merge.release(5.1, None)] == ["b", "a"]
