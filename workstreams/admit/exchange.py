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
from workstreams.admit.timetable import Timetable
from workstreams.admit.work_queue import WorkQueue
from workstreams.store.scripts import Scripts

__all__ = ["Exchange"]


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
        self._ask = Asking(scripts, self._note_trouble)
        self._holdings = Holdings()
        self._outbox = Outbox()
        self._timetable = Timetable(lanes)
        self._called = False
        self._seq = 0
        # Told with each call: the name of a new epoch, should Redis have lost its data. Random bytes for each
        # would let another thread run, for milliseconds, before the call has left.
        self._fresh = secrets.token_hex(16)
        self._left = False
        self._closing = False
        self._lost = False
        #: Deliveries whose end Redis knows of.
        self.ended = 0
        #: Set once work is no longer asked for.
        self.drained = threading.Event()
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

    def wake(self, workstream: str, wait: float) -> None:
        """Ask for a workstream ("*": for all) in *wait* seconds, or sooner."""
        at = time.monotonic() + wait
        with self._mutex:
            # Told to everybody, or that the session is over: a process without an idle thread asks as well.
            self._called = self._called or (workstream == "*" and not wait)
            self._timetable.wake(workstream, at)
            self._stir(True)

    def drain(self) -> None:
        """Ask for nothing from now on; what reached no worker thread goes back."""
        with self._mutex:
            self._stop_asking()
        left = self._queue.drain()
        for lane in self.lanes.values():
            left += lane.drain()
        for grant in left:
            record = grant.finish("handback", x='{"reason":"the worker stops"}')
            self.finish(self.lanes[grant.workstream], record, urgent=True)

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
        with self._mutex:
            self._closing = True
            self._stop_asking()
        self.join(timeout)
        over = not self.is_alive()
        self._ask.given_up.set()
        if over:
            # A broker of Dramatiq's keeps its workers, and so this, for as long as it lives.
            self._ask.close()
        return over and not self._outbox.finishes

    def _stop_asking(self) -> None:
        self.drained.set()
        self._timetable.end()
        self._changed.notify()

    def _stir(self, sooner: bool) -> None:
        # Under the lock. While a call is under way there is nobody to wake: it looks again after it.
        if sooner and self._asleep:
            self._changed.notify()

    # The thread itself.

    def run(self) -> None:
        try:
            self._serve()
        except Exception:
            # Without this thread the process would hold its leases and do nothing.
            logging.getLogger("workstreams").exception("exchange_failed")
            self._end()
            self._reports.failed()

    def _serve(self) -> None:
        while True:
            leaving = self.drained.is_set() and not self._left
            parcel, wants = self._collect()
            if parcel.finishes or parcel.bounds or wants or leaving or self._called:
                self._called = False
                self._turn(parcel, wants, leaving)
                self._outbox.carried = len(parcel.finishes) if self._ask.given_up.is_set() else 0
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
            wants = self._timetable.due(now)
            if not wants and not self._closing and not self._outbox.is_due(now):
                return Parcel(), []
            parcel = self._outbox.take()
            return parcel, wants + self._timetable.freed(parcel.finishes, wants)

    def _time_to_sleep(self) -> float:
        at = 0.0 if self.drained.is_set() and not self._left else self._timetable.next()
        if self._outbox.due is not None:
            at = min(at, self._outbox.due)
        return POLL if at == math.inf else at - time.monotonic()

    def _turn(self, parcel: Parcel, wants: Sequence[Lane], leaving: bool) -> None:
        finishes = parcel.finishes
        if self._lost:
            self._lose(finishes)
            return
        self._seq += 1
        with self._mutex:
            holds = self._holdings.to_compare(self._outbox.finishes)
            asked = self._timetable.ask(wants)
        call = {
            "sid": self._sid,
            "worker": self._worker,
            "seq": self._seq,
            "epoch": self.epoch,
            "fresh": f"{self._fresh}{self._seq:x}",
            "leaving": leaving,
            "finishes": finishes,
            "wants": asked,
            "bounds": parcel.bounds,
            "holds": holds,
        }
        began = time.monotonic()
        reply = self._ask(call)
        if reply is None or reply[0] in (b"stale", b"lost"):
            self._timetable.unanswered(wants)
            if reply is not None and reply[0] == b"lost":
                self._lose(finishes)
            return
        self.ended += len(finishes)
        self._take_in(reply, finishes, began)

    def _take_in(self, reply: Sequence[Any], finishes: Sequence[dict[str, Any]], asked: float) -> None:
        epoch, _, refused, grants, answers, gone = reply
        if epoch.decode() != self.epoch:
            self._holdings.suspect()
        self.epoch = epoch.decode()
        for name in gone:
            self._reports.gone(name.decode())
        for index in refused:
            self._reports.refused(finishes[index])
        with self._mutex:
            self._timetable.note(answers, time.monotonic())
        if any(why == b"unsettled" for _, why, _ in answers):
            self._reports.unsettled()
        self._hand_out(grants, asked)

    def _note_trouble(self, error: redis.RedisError | None) -> None:
        if error is None:
            self._holdings.suspect()
            self.wake("*", 0.0)
        self._reports.trouble(error)

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
        if self.drained.is_set() and given:
            self.drain()

    def _lose(self, finishes: Sequence[dict[str, Any]]) -> None:
        for finish in finishes:
            self._reports.refused(finish)
        if not self._lost and not self._reports.lost():
            self._end()

    def _end(self) -> None:
        self._lost = self._left = True
        with self._mutex:
            self._stop_asking()
