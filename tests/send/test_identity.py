from __future__ import annotations

import time
import uuid

from workstreams.send.identity import created_us, new_id


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = []
    for _ in range(2_000):
        made.append(new_id())
        # The clock's own step may be longer than making an id takes.
        until = time.time_ns() + 500
        while time.time_ns() < until:
            pass
    assert made == sorted(made)


def test_ids_are_version_7_and_different() -> None:
    made = {new_id() for _ in range(10_000)}
    assert len(made) == 10_000
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in made} == {(7, uuid.RFC_4122)}


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000
    created = created_us(new_id())
    assert created is not None
    assert before - 2 <= created <= time.time_ns() // 1_000


def test_an_id_of_a_senders_choice_tells_no_time() -> None:
    assert created_us("invoice-17") is None
    assert created_us(str(uuid.uuid4())) is None
