"""When a worker process's next call to Redis leaves, what it carries, and what becomes of its answer.

A call takes along the finishes that worker threads appended, and asks for work for every lane that has idle
threads and whose time has come. Then its courier sleeps until the first of those times, a finish that others
wait for, or a wake-up. While one call is under way a second one leaves as soon as a whole batch of threads is
idle and Redis has had enough for all of them so far: so it does not wait for this process between two calls.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from workstreams.admit.delivery import Grant
from workstreams.admit.errand import Errand
from workstreams.admit.holdings import Holdings
from workstreams.admit.lane import POLL, Lane
from workstreams.admit.outbox import Outbox
from workstreams.admit.reports import Reports
from workstreams.admit.timetable import Timetable

__all__ = ["Office"]

Given = Mapping[str, Sequence[Grant]]


class Office:
    """What couriers carry, and bring back.

    Parameters:
      sid: The session whose leases the grants run under.
      worker: How this process is called in events.
      lanes: The workstreams, by name.
      reports: Whom to tell what.
      epoch: The data set's epoch as the session saw it.
      hand_out: Lets grants begin, by workstream.

    Attributes:
      drained: Set once work is no longer asked for.
      ended: Deliveries whose end Redis knows of.
    """

    def __init__(
        self,
        sid: str,
        worker: str,
        lanes: Mapping[str, Lane],
        reports: Reports,
        epoch: str,
        hand_out: Callable[[Given], None],
    ) -> None:
        self.drained = threading.Event()
        self.ended = 0
        self._from = {"sid": sid, "worker": worker}
        self._lanes = lanes
        self._reports = reports
        self._epoch = epoch
        self._hand_out = hand_out
        self._mutex = threading.Lock()
        # One courier watches for the next call's time; others rest until one is to leave beside it.
        self._time = threading.Condition(self._mutex)
        self._watching = False
        self._beside = threading.Condition(self._mutex)
        self._under_way: list[Errand] = []
        self._away = 0
        self._holdings = Holdings()
        self._outbox = Outbox()
        self._timetable = Timetable(lanes)
        self._called = False
        # Told with each call: the name of a new epoch, should Redis have lost its data. Random bytes for each
        # would let another thread run, for milliseconds, before the call has left.
        self._fresh = secrets.token_hex(16)
        self._departures = self._openings = 0
        self._leaving = self._closing = self._lost = self._is_opening = False

    # What other threads call: each only notes something and wakes a courier.

    def finish(self, lane: Lane, record: dict[str, Any], *, urgent: bool) -> None:
        """Note the end of a delivery, and that its thread is free; see the exchange."""
        with self._mutex:
            lane.busy -= 1
            self._holdings.end(record)
            self._stir(self._outbox.add(record, hurry=urgent or lane.scarce or not lane.why))
            if lane.has_a_batch:
                self._beside.notify()

    def bound(self, lease: str, us: int) -> None:
        """Note the µs that a job may run, if they are not its workstream's."""
        with self._mutex:
            self._stir(self._outbox.add_bound(lease, us))

    def wake(self, workstream: str, wait: float) -> None:
        """Ask for a workstream ("*": for all) in *wait* seconds, or sooner."""
        at = time.monotonic() + wait
        with self._mutex:
            # Told to everybody, or that the session is over: a process without an idle thread asks as well.
            self._called = self._called or (workstream == "*" and not wait)
            self._timetable.wake(workstream, at)
            self._stir(True)

    def stop_asking(self) -> None:
        """Ask for nothing from now on."""
        with self._mutex:
            self._stop_asking()

    def shut(self) -> None:
        """Ask for nothing, and be done as soon as everything is told."""
        with self._mutex:
            self._closing = True
            self._stop_asking()

    def end(self) -> None:
        """The session is over for good: nothing is asked or told any longer."""
        with self._mutex:
            self._lost = self._leaving = True
            self._stop_asking()

    @property
    def untold(self) -> int:
        """How many finishes Redis has not confirmed yet."""
        with self._mutex:
            return self._outbox.untold

    def trouble(self, error: redis.RedisError | None) -> None:
        """A call found Redis away, or, with None, back."""
        with self._mutex:
            before, self._away = self._away, self._away + (-1 if error is None else 1)
            if error is None:
                self._holdings.suspect()
        if error is None:
            self.wake("*", 0.0)
        # One outage is reported once, however many calls it holds up.
        if not before or not self._away:
            self._reports.trouble(error)

    def _stop_asking(self) -> None:
        self.drained.set()
        self._timetable.end()
        self._time.notify_all()
        self._beside.notify_all()

    def _stir(self, sooner: bool) -> None:
        # Under the lock. While a call is under way there is nobody to wake: its courier looks again after it.
        if sooner and self._watching:
            self._time.notify()

    # What couriers call: how a call leaves.

    def next_errand(self) -> Errand | None:
        """Wait for what is to be told or asked; None when there will be nothing any longer."""
        with self._mutex:
            while True:
                errand = self._prepared(time.monotonic())
                if errand is not None:
                    self._under_way.append(errand)
                    if self._timetable.more():
                        self._beside.notify()
                    return errand
                if self._closing and not self._outbox.finishes:
                    # Another may rest since there was something left to tell.
                    self._beside.notify_all()
                    return None
                self._rest()

    def _rest(self) -> None:
        if self._under_way or self._watching:
            self._beside.wait()
            return
        wait = self._time_to_sleep()
        if wait > 0:
            self._watching = True
            self._time.wait(wait)
            self._watching = False

    def _time_to_sleep(self) -> float:
        at = self._timetable.next()
        if self._outbox.due is not None:
            at = min(at, self._outbox.due)
        return POLL if at == math.inf else at - time.monotonic()

    def _prepared(self, now: float) -> Errand | None:
        leaving = self.drained.is_set() and not self._leaving
        must = leaving or self._called
        if self._under_way:
            # Who compares leases, or leaves, has to know what all other calls were answered.
            if must or self._is_opening or self._under_way[0].alone or self._holdings.is_due(now):
                return None
            wants = self._timetable.beside(now)
            if not wants:
                return None
        else:
            wants = self._timetable.due(now)
            if not (wants or must or self._closing or self._outbox.is_due(now)):
                return None
        wants += self._timetable.freed(self._outbox.next(), wants)
        return self._errand(wants, now, leaving) if wants or must or not self._outbox.is_empty else None

    def _errand(self, lanes: Sequence[Lane], now: float, leaving: bool) -> Errand:
        parcel, wants = self._outbox.take(), self._timetable.ask(lanes)
        holds = None if self._under_way else self._holdings.to_compare(now, self._outbox.finishes)
        self._departures += 1
        self._leaving, self._called = self._leaving or leaving, False
        call = {
            **self._from,
            "epoch": self._epoch,
            "fresh": f"{self._fresh}{self._departures:x}",
            "leaving": leaving,
            "finishes": parcel.finishes,
            "wants": [(lane.name, number) for lane, number in wants],
            "bounds": parcel.bounds,
            "holds": holds,
        }
        alone = leaving or holds is not None
        return Errand(call, parcel.finishes, wants, now, alone, self._openings, self._lost)

    # How its answer arrives.

    def arrived(self, errand: Errand, reply: list[Any] | None) -> None:
        """Take an answer in; None when it was given up."""
        match reply:
            case None:
                self._settle(errand, told=False)
            case [b"stale"]:
                self._settle(errand, told=True)
            case [b"lost", *_]:
                self._lose(errand)
                self._settle(errand, told=True)
            case _:
                self._take_in(errand, reply)

    def abandon(self, errand: Errand) -> None:
        """Nobody knows what became of it: its ends stay untold, and others need not wait for its answer."""
        with self._mutex:
            if errand in self._under_way:
                self._under_way.remove(errand)
                self._timetable.answered(errand.wants)

    def _take_in(self, errand: Errand, reply: Sequence[Any]) -> None:
        epoch, _, refused, grants, answers, gone = reply
        given: dict[str, list[Grant]] = {}
        for words in grants:
            grant = Grant.of(words, errand.began)
            given.setdefault(grant.workstream, []).append(grant)
        self._settle(errand, told=True, given=given, answers=answers, epoch=epoch.decode())
        self._hand_out(given)
        for name in gone:
            self._reports.gone(name.decode())
        for index in refused:
            self._reports.refused(errand.finishes[index])
        if any(why == b"unsettled" for _, why, _ in answers):
            self._reports.unsettled()

    def _settle(
        self,
        errand: Errand,
        *,
        told: bool,
        given: Given | None = None,
        answers: Sequence[Sequence[Any]] = (),
        epoch: str = "",
    ) -> None:
        with self._mutex:
            self._under_way.remove(errand)
            self._timetable.answered(errand.wants)
            if told:
                self._outbox.told(errand.finishes)
            if given is None:
                self._timetable.unanswered(errand.wants)
                return
            self.ended += len(errand.finishes)
            if epoch != self._epoch:
                self._holdings.suspect()
            self._epoch = epoch
            self._timetable.note(answers, time.monotonic())
            for name, grants in given.items():
                self._lanes[name].busy += len(grants)
                for grant in grants:
                    self._holdings.begin(grant)

    def _lose(self, errand: Errand) -> None:
        for finish in errand.finishes:
            self._reports.refused(finish)
        with self._mutex:
            # Another call may have heard it before.
            if self._lost or errand.opening != self._openings:
                return
            self._openings += 1
            self._is_opening = True
        opened = self._reports.lost()
        with self._mutex:
            self._is_opening = False
            self._holdings.suspect()
        if not opened:
            self.end()
