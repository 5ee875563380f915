"""The one thread through which a worker process talks to Redis about its jobs.

Its duties, in the order of a turn:

1. collect the finishes that worker threads appended;
2. ask for work for every lane that has idle threads and whose time has come;
3. do both in one script call, repeated with the same number until it is answered;
4. let what was granted begin, and note when each lane is to ask next;
5. sleep until the first of those times, a finish that others wait for, or a wake-up.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis

from workstreams.admit.asking import Asking
from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.holdings import Holdings
from workstreams.admit.lane import POLL, Lane
from workstreams.admit.outbox import Outbox, Parcel
from workstreams.admit.reports import Deliver, Reports
from workstreams.admit.work_queue import WorkQueue
from workstreams.store.scripts import Scripts

__all__ = ["Exchange"]

#: Seconds between two looks of Dramatiq's consumer threads while draining.
DRAINED = 0.02

#: Why a lane was refused, where the end of one of its own jobs may let it in.
_SLOTS = ("concurrency", "key")


class Exchange(threading.Thread):
    """A process's exchange with one shard.

    Parameters:
      scripts: Over a client of its own.
      sid: The session whose leases the grants run under.
      worker: How this process is called in events.
      lanes: The workstreams, by name.
      queue: Where the worker's threads take what was granted.
      deliver: Makes deliveries of grants.
      reports: Whom to tell what.
      epoch: The data set's epoch as the session saw it.
    """

    def __init__(
        self,
        scripts: Scripts,
        sid: str,
        worker: str,
        lanes: Mapping[str, Lane],
        queue: WorkQueue,
        deliver: Deliver,
        reports: Reports,
        epoch: str = "",
    ) -> None:
        super().__init__(name="workstreams-exchange", daemon=True)
        self.lanes = lanes
        self.epoch = epoch
        self._sid = sid
        self._worker = worker
        self._queue = queue
        self._deliver = deliver
        self._reports = reports
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._asleep = False
        self._ask = Asking(scripts, self._note_trouble, self._give_up)
        self._holdings = Holdings()
        self._outbox = Outbox()
        self._called = False
        self._seq = 0
        self._draining = False
        self._drained = threading.Event()
        self._left = False
        self._closing = False
        self._lost = False
        self._abandoned = False
        #: Deliveries whose end Redis knows of.
        self.ended = 0
        queue.open_with(self.open)

    # What other threads call: each only notes something and wakes this one.

    def open(self, grant: Grant) -> Delivery | None:
        """Make the delivery of a grant, in the thread that is to run it; None if it cannot run here."""
        made = self._deliver(grant)
        if not isinstance(made, Delivery):
            lane = self.lanes[grant.workstream]
            lane.leave()
            self.finish(lane, made)
            return None
        if made.bound is not None:
            # Redis is told soon of a job that may run longer, or less long, than its workstream says.
            with self._mutex:
                self._stir(self._outbox.add_bound(grant.name, made.bound))
        return made

    def finish(self, lane: Lane, record: dict[str, Any], *, urgent: bool = False) -> None:
        """Note the end of a delivery, and that its thread is free.

        Parameters:
          lane: Where it ran.
          record: The words of the finish.
          urgent: Whether somebody waits for it; else it may linger for 15 ms.
        """
        with self._mutex:
            lane.busy -= 1
            self._holdings.end(record)
            self._stir(self._outbox.add(record, hurry=urgent or lane.scarce or not lane.why))

    def _stir(self, sooner: bool) -> None:
        # Under the lock. While a call is under way there is nobody to wake: it looks again after it.
        if sooner and self._asleep:
            self._changed.notify()

    def wake(self, workstream: str, wait: float) -> None:
        """Ask for a workstream ("*": for all) in *wait* seconds, or sooner."""
        at = time.monotonic() + wait
        with self._mutex:
            # Told to everybody, or that the session is over: a process without an idle thread asks as well.
            self._called = self._called or (workstream == "*" and not wait)
            for lane in (
                self.lanes.values() if workstream == "*" else filter(None, [self.lanes.get(workstream)])
            ):
                lane.ask_at = min(lane.ask_at, at)
            self._changed.notify()

    def drain(self) -> None:
        """Ask for nothing from now on; what reached no worker thread goes back."""
        with self._changed:
            self._draining = True
            self._changed.notify()
        self._drained.set()
        left = self._queue.drain()
        for lane in self.lanes.values():
            left += lane.drain()
        for grant in left:
            record = grant.finish("handback", x='{"reason":"the worker stops"}')
            self.finish(self.lanes[grant.workstream], record, urgent=True)

    def rest(self, timeout: float) -> None:
        """Wait so many seconds; while work is no longer asked for only a moment."""
        if not self._drained.wait(timeout):
            return
        time.sleep(DRAINED)  # its caller asks in a loop until it is stopped

    @property
    def draining(self) -> bool:
        """Whether new work is no longer asked for."""
        return self._draining

    @property
    def busy(self) -> int:
        """How many deliveries have not ended."""
        return sum(lane.busy for lane in self.lanes.values())

    @property
    def untold(self) -> int:
        """How many finishes Redis has not confirmed yet."""
        with self._mutex:
            return self._outbox.untold

    def close(self, timeout: float) -> bool:
        """Send what is left and end the thread.

        Parameters:
          timeout: Seconds to wait for it.

        Returns:
          Whether everything was told to Redis.
        """
        with self._changed:
            self._draining = self._closing = True
            self._changed.notify()
        self.join(timeout)
        told = not self.is_alive() and not self._outbox.finishes
        with self._changed:
            self._abandoned = True
            self._changed.notify()
        return told

    # The thread itself.

    def run(self) -> None:
        try:
            self._serve()
        except Exception:
            # Without this thread the process would hold its leases and do nothing.
            logging.getLogger("workstreams").exception("exchange_failed")
            self._lost = self._draining = self._left = True
            self._reports.failed()

    def _serve(self) -> None:
        while True:
            leaving = self._draining and not self._left
            parcel, wants = self._collect()
            if parcel.finishes or parcel.bounds or wants or leaving or self._called:
                self._called = False
                self._turn(parcel, wants, leaving)
                self._outbox.carried = len(parcel.finishes) if self._abandoned else 0
                self._left = self._left or leaving
            with self._mutex:
                if self._closing and not self._outbox.finishes:
                    return
                wait = self._time_to_sleep()
                if wait > 0 and not self._called:
                    self._asleep = True
                    self._changed.wait(wait)
                    self._asleep = False

    def _collect(self) -> tuple[Parcel, list[Lane]]:
        now = time.monotonic()
        with self._mutex:
            wants = [] if self._draining else self._asking(now)
            if not wants and not self._closing and not self._outbox.is_due(now):
                return Parcel(), []
            parcel = self._outbox.take()
            if not self._draining:
                wants += self._freed(parcel.finishes, wants)
            for lane in wants:
                # A wake-up that comes while the call is under way must not be forgotten.
                lane.ask_at = math.inf
            return parcel, wants

    def _asking(self, now: float) -> list[Lane]:
        return [lane for lane in self.lanes.values() if lane.ask_at <= now and lane.idle]

    def _freed(self, finishes: Sequence[Mapping[str, Any]], wants: Sequence[Lane]) -> list[Lane]:
        """Lanes whose own finish frees a slot that they were refused for."""
        named = {finish["w"] for finish in finishes}
        lanes = [self.lanes[name] for name in named]
        return [lane for lane in lanes if lane.idle and lane.why in _SLOTS and lane not in wants]

    def _time_to_sleep(self) -> float:
        times = [] if self._outbox.due is None else [self._outbox.due]
        if self._draining:
            times += [] if self._left else [0.0]
        else:
            times += [lane.ask_at for lane in self.lanes.values() if lane.idle]
        if not times:
            return POLL
        return min(times) - time.monotonic()

    def _turn(self, parcel: Parcel, wants: Sequence[Lane], leaving: bool) -> None:
        finishes = parcel.finishes
        if self._lost:
            self._lose(finishes)
            return
        self._seq += 1
        with self._mutex:
            holds = self._holdings.to_compare(self._outbox.finishes)
            asked = [(lane.name, lane.wanted) for lane in wants]
        call = {
            "sid": self._sid,
            "worker": self._worker,
            "seq": self._seq,
            "epoch": self.epoch,
            "fresh": secrets.token_hex(16),
            "leaving": leaving,
            "finishes": finishes,
            "wants": asked,
            "bounds": parcel.bounds,
            "holds": holds,
        }
        began = time.monotonic()
        reply = self._ask(call)
        if reply is None or reply[0] in (b"stale", b"lost"):
            for lane in wants:
                # It was not answered, so nobody has told it when to ask.
                lane.ask_at = 0.0
            if reply is not None and reply[0] == b"lost":
                self._lose(finishes)
            return
        epoch, _, refused, grants, answers, gone = reply
        if epoch.decode() != self.epoch:
            self._holdings.suspect()
        self.epoch = epoch.decode()
        for name in gone:
            self._reports.gone(name.decode())
        self.ended += len(finishes)
        for index in refused:
            self._reports.refused(finishes[index])
        self._note_answers(answers)
        self._hand_out(grants, began)

    def _note_trouble(self, error: redis.RedisError | None) -> None:
        if error is None:
            self._holdings.suspect()
            self.wake("*", 0.0)
        self._reports.trouble(error)

    def _give_up(self, seconds: float) -> bool:
        with self._changed:
            if not self._abandoned:
                self._changed.wait(seconds)
            return self._abandoned

    def _note_answers(self, answers: Sequence[Sequence[Any]]) -> None:
        now = time.monotonic()
        with self._mutex:
            for name, why, wait in answers:
                self.lanes[name.decode()].note(why.decode(), wait, now)
        if any(why == b"unsettled" for _, why, _ in answers):
            self._reports.unsettled()

    def _hand_out(self, words: Sequence[Sequence[Any]], asked: float) -> None:
        given: dict[str, list[Grant]] = {}
        with self._mutex:
            for one in words:
                grant = Grant.of(one, asked)
                given.setdefault(grant.workstream, []).append(grant)
                self._holdings.begin(grant)
            for name, grants in given.items():
                self.lanes[name].busy += len(grants)
        for name, grants in given.items():
            self.lanes[name].put(grants)
        if self._draining and given:
            self.drain()

    def _lose(self, finishes: Sequence[dict[str, Any]]) -> None:
        for finish in finishes:
            self._reports.refused(finish)
        if not self._lost and not self._reports.lost():
            self._lost = self._draining = self._left = True
