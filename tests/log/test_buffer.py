from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workstreams.log.buffer import FairBuffer, Waiting


def missing(workstream: str, count: int) -> Waiting:
    return Waiting("", f"{workstream} misses {count}".encode())


def buffer(lines: int = 100, size: int = 10_000) -> FairBuffer:
    return FairBuffer(lines, size, missing)


def texts(lines: list[Waiting]) -> list[str]:
    return [line.data.decode() for line in lines]


def test_one_line_of_a_quiet_workstream_is_in_the_next_batch_of_a_flood() -> None:
    waiting = buffer()
    for number in range(90):
        waiting.put("flood", Waiting("", str(number).encode()))
    waiting.put("quiet", Waiting("", b"here"))
    taken = waiting.take(10)
    assert texts(taken["quiet"]) == ["here"]
    assert texts(taken["flood"]) == [str(number) for number in range(9)]


def test_more_workstreams_than_a_batch_has_lines_take_turns() -> None:
    waiting = buffer()
    for number in range(6):
        for name in range(6):
            waiting.put(str(name), Waiting("", str(number).encode()))
    seen = [name for _ in range(3) for name in waiting.take(2)]
    assert sorted(seen) == ["0", "1", "2", "3", "4", "5"]


def test_a_full_buffer_gives_up_the_oldest_lines_of_the_one_that_floods() -> None:
    waiting = buffer(lines=10)
    waiting.put("quiet", Waiting("", b"here"))
    for number in range(20):
        waiting.put("flood", Waiting("", str(number).encode()))
    assert len(waiting) == 10
    assert waiting.dropped == 11
    taken = waiting.take(100)
    assert texts(taken["quiet"]) == ["here"]
    assert texts(taken["flood"]) == ["flood misses 11", *(str(number) for number in range(11, 20))]
    assert waiting.take(100) == {}


def test_a_full_buffer_counts_bytes_too() -> None:
    waiting = buffer(size=25)
    for _ in range(4):
        waiting.put("mail", Waiting("", b"x" * 10))
    assert len(waiting) == 2
    assert texts(waiting.take(5)["mail"]) == ["mail misses 2", "x" * 10, "x" * 10]


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(1, 20), st.integers(1, 15))
def test_every_line_is_taken_once_in_its_order_or_counted(names: list[str], room: int, batch: int) -> None:
    waiting = FairBuffer(room, 10_000, lambda _, count: Waiting(str(count), b""))
    for number, name in enumerate(names):
        waiting.put(name, Waiting("", str(number).encode()))
    taken: dict[str, list[int]] = {}
    reported = 0
    while batch_taken := waiting.take(batch):
        lines = [line for lines in batch_taken.values() for line in lines]
        assert sum(1 for line in lines if line.data) <= batch
        reported += sum(int(line.job) for line in lines if not line.data)
        for name, own in batch_taken.items():
            taken.setdefault(name, []).extend(int(line.data) for line in own if line.data)
    assert all(numbers == sorted(numbers) for numbers in taken.values())
    assert sum(map(len, taken.values())) + waiting.dropped == len(names)
    assert reported <= waiting.dropped
    assert len(waiting) == 0
