from __future__ import annotations

from workstreams.declare.config import Recycle
from workstreams.supervisor.wear import Wear

MIB = 2**20


def recycle(**what: object) -> Recycle:
    return Recycle.model_validate(what)


class Scales:
    """A process that weighs what the test says."""

    def __init__(self, weight: int) -> None:
        self.weight = weight

    def __call__(self) -> int:
        return self.weight


def test_a_process_is_worn_after_as_many_jobs_as_it_may_run() -> None:
    wear = Wear(recycle(jobs=5), Scales(0))
    assert [wear.is_reached(ended) for ended in (0, 4, 5, 6)] == [False, False, True, True]


def test_a_process_is_worn_at_the_weight_it_may_have() -> None:
    scales = Scales(50 * MIB)
    wear = Wear(recycle(memory="100MiB"), scales)
    assert not wear.is_reached(1000)
    scales.weight = 100 * MIB
    assert wear.is_reached(0)


def test_without_a_bound_it_is_never_worn_nor_weighed() -> None:
    def weigh() -> int:
        raise AssertionError

    assert not Wear(recycle(), weigh).is_reached(10**9)


def test_a_weight_that_a_fresh_process_nearly_has_is_refused_and_its_jobs_still_count() -> None:
    scales = Scales(90 * MIB)
    wear = Wear(recycle(jobs=5, memory="100MiB"), scales)
    assert wear.refusal == (
        "expected recycle.memory to be well over the 90 MiB of a fresh process, found 100MiB: "
        "raise it; until then no process is replaced for its weight"
    )
    scales.weight = 500 * MIB
    assert not wear.is_reached(4)
    assert wear.is_reached(5)
