"""What a process asks for in each of its calls, step by step: no thread carries them here."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.admit.fakes import grant
from tests.support import wait_until
from workstreams.admit.delivery import Grant
from workstreams.admit.errand import Errand
from workstreams.admit.lane import Lane
from workstreams.admit.office import Office
from workstreams.admit.reports import Reports
from workstreams.admit.work_queue import WorkQueue

BATCH = 8


class Desk:
    """An office with a fast lane of sixteen threads, and a scarce one of four.

    Parameters:
      lost: What is done about a session that is over.
    """

    def __init__(self, lost: Any = lambda: False) -> None:
        queue = WorkQueue()
        self.fast = Lane("fast", 2 * BATCH, False, None, queue)
        self.slow = Lane("slow", 4, True, None, queue)
        self.refused: list[Mapping[str, Any]] = []
        self.given: dict[str, list[Grant]] = {"fast": [], "slow": []}
        reports = Reports(
            self.refused.append, lost, lambda: None, lambda _: None, lambda _: None, lambda: None
        )
        lanes = {"fast": self.fast, "slow": self.slow}
        self.office = Office("s1", "h:1", lanes, reports, "epoch", self._take)

    def _take(self, given: Mapping[str, Sequence[Grant]]) -> None:
        for name, grants in given.items():
            self.given[name] += grants

    def leave(self) -> Errand:
        """The next call; it has to leave at once."""
        found: list[Errand | None] = []
        courier = threading.Thread(target=lambda: found.append(self.office.next_errand()), daemon=True)
        courier.start()
        courier.join(5)
        assert found, "no call leaves"
        assert found[0] is not None
        return found[0]

    def answer(self, errand: Errand, **whys: tuple[str, int]) -> None:
        """Give a lane all that was asked, or say why not and the µs to wait."""
        grants, answers = [], []
        for lane, number in errand.wants:
            why, wait = whys.get(lane.name, ("", -1))
            if not why:
                grants += [grant(f"{id(errand)}-{n}", lane.name) for n in range(number)]
            answers.append([lane.name.encode(), why.encode(), wait])
        self.office.arrived(errand, [b"epoch", b"1", [], grants, answers, []])

    def end(self, name: str, number: int) -> None:
        lane = {"fast": self.fast, "slow": self.slow}[name]
        for _ in range(number):
            self.office.finish(lane, self.given[name].pop(0).finish("done"), urgent=False)


def wants(errand: Errand) -> dict[str, int]:
    return {lane.name: number for lane, number in errand.wants}


def test_a_lane_whose_time_came_is_asked_for_while_another_keeps_two_calls_under_way() -> None:
    desk = Desk()
    desk.answer(desk.leave(), slow=("rate", 20_000))
    under_way = desk.leave()
    assert wants(under_way) == {"fast": BATCH}, "the slow one's time has not come"
    desk.end("fast", BATCH)
    wait_until(lambda: desk.slow.ask_at <= time.monotonic())
    beside = desk.leave()
    assert wants(beside) == {"fast": BATCH, "slow": 4}
    desk.answer(under_way)
    desk.end("fast", BATCH)
    assert wants(desk.leave()) == {"fast": BATCH}, "it is asked for by the call under way"


def test_a_freed_slot_is_asked_for_by_the_call_that_frees_it_also_beside_another() -> None:
    desk = Desk()
    first = desk.leave()
    desk.answer(first)
    second = desk.leave()
    desk.office.finish(desk.slow, desk.given["slow"].pop().finish("done"), urgent=False)
    desk.answer(second)
    third = desk.leave()
    desk.answer(third, slow=("concurrency", -1))
    assert desk.slow.why == "concurrency"
    desk.end("fast", BATCH)
    under_way = desk.leave()
    desk.end("slow", 1)
    desk.end("fast", BATCH)
    beside = desk.leave()
    assert under_way.wants
    assert [finish["w"] for finish in beside.finishes].count("slow") == 1
    assert wants(beside)["slow"] == desk.slow.asked


def test_what_is_left_to_tell_is_refused_when_the_courier_of_another_call_has_died() -> None:
    desk = Desk()
    desk.answer(desk.leave())
    failed = desk.leave()
    desk.end("fast", 3)
    desk.office.abandon(failed)
    desk.office.end()
    errand = desk.leave()
    assert errand.void
    assert len(errand.finishes) == 3
    desk.office.arrived(errand, [b"lost"])
    assert len(desk.refused) == 3
    desk.office.shut()
    assert desk.office.next_errand() is None


def test_nothing_leaves_while_a_lost_session_is_opened_again() -> None:
    opening, opened = threading.Event(), threading.Event()

    def open_again() -> bool:
        opening.set()
        return opened.wait(10)

    desk = Desk(open_again)
    desk.answer(desk.leave())
    lost = desk.leave()
    opener = threading.Thread(target=desk.office.arrived, args=(lost, [b"lost"]))
    opener.start()
    assert opening.wait(5)
    desk.end("fast", BATCH)
    assert desk.fast.has_a_batch
    assert desk.office._prepared(time.monotonic()) is None
    opened.set()
    opener.join(5)
    again = desk.leave()
    assert len(again.finishes) == BATCH
    assert len(again.call["holds"]) == 4, "what still runs is told that its lease is gone"
