"""Stops running jobs that somebody cancelled: knows which delivery runs on which thread here."""

from __future__ import annotations

import threading
import time
from typing import Any

from dramatiq.middleware import Interrupt, raise_thread_exception

from workstreams.admit.delivery import Delivery
from workstreams.store.scripts import Scripts

__all__ = ["Cancellation", "Cancelled", "Cancelling", "Flag"]

#: Cancels of deliveries that have not begun here; what ended before its cancel came is among them.
MOST_AWAITED = 10_000

#: Instead of a thread: the delivery knows that it is cancelled.
TOLD = 0

#: Seconds that a job which asks whether it is cancelled has to ask again, until it is interrupted.
ASKS_AGAIN = 0.5

#: Seconds of a wait in which Python takes no step.
STEP = 0.1


class Cancelled(Interrupt):
    """Somebody cancelled the job that runs: it may clean up, and is not retried.

    It is raised inside the job, between two steps of Python: a call into C, a sleep for one, ends
    first. In an ``async`` job an ``asyncio.CancelledError`` stands for it. A job may raise it by itself
    to end as cancelled.
    """


class Flag:
    """Set once, for the threads of a job that look at it or wait. An event is locked by Python: who is
    interrupted there leaves it locked, and whoever sets it then hangs.
    """

    __slots__ = ("_lock", "_set")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._set = False

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    def set(self) -> None:
        """Set it, and wake one who waits; others see it when they have waited. One thread at a time may."""
        if not self._set:
            self._set = True
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, so many seconds at most; whether it is."""
        if not self._set:
            self._lock.acquire(timeout=seconds)
        return self._set


class Cancellation:
    """Whether one delivery was cancelled, as its job asks for it.

    Parameters:
      cancelling: Knows it.
      name: ``workstream/id~delivery``.
    """

    __slots__ = ("_cancelling", "_flag", "_name")

    def __init__(self, cancelling: Cancelling, name: str) -> None:
        self._cancelling = cancelling
        self._name = name
        self._flag: Flag | None = None

    def wait(self, seconds: float) -> bool:
        """Wait until it is cancelled, so many seconds at most; whether it is.

        Who was told so is not interrupted any more.
        """
        if self._flag is None:
            self._flag = self._cancelling.flag_of(self._name)
        until = time.monotonic() + seconds
        # In steps, between which a time limit or the worker's end can interrupt the wait.
        while not self._flag.wait(max(0.0, min(STEP, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
        self._cancelling.heeded(self._name)
        return True


class Cancelling:
    """The deliveries that run in this process, by ``workstream/id~delivery``."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._threads: dict[str, int] = {}
        self._awaited: dict[str, None] = {}
        self._flags: dict[str, Flag] = {}

    def begin(self, delivery: Delivery) -> None:
        """A delivery begins on this thread.

        Raises:
          Cancelled: When it was cancelled on its way here.
        """
        name = delivery.grant.name
        with self._mutex:
            if name not in self._awaited:
                self._threads[name] = threading.get_ident()
                return
            del self._awaited[name]
        raise Cancelled("cancelled before it began")

    def end(self, delivery: Delivery) -> None:
        """A delivery has ended: from now on nothing is raised in its thread because of it."""
        try:
            self._forget(delivery)
        except Cancelled:
            # It came after the end of the job, and before this: what is decided stays.
            self._forget(delivery)

    def cancel(self, name: str) -> None:
        """Interrupt a delivery, now or when it begins; one that asks by itself is given time for that.

        Parameters:
          name: ``workstream/id~delivery``.
        """
        with self._mutex:
            flag = self._flags.get(name)
            if name not in self._threads:
                self._await(name)
            elif flag is None:
                self._interrupt(name)
            elif not flag.is_set():
                flag.set()
                timer = threading.Timer(ASKS_AGAIN, self._insist, (name,))
                timer.daemon = True
                timer.start()

    def flag_of(self, name: str) -> Flag:
        """What is set when a delivery that runs here is cancelled; it is interrupted only later then.

        Parameters:
          name: ``workstream/id~delivery``.
        """
        with self._mutex:
            if name not in self._threads:
                return Flag()
            flag = self._flags.setdefault(name, Flag())
            if self._threads[name] == TOLD:
                flag.set()
            return flag

    def heeded(self, name: str) -> None:
        """A delivery knows by its flag that it is cancelled: it ends by itself."""
        with self._mutex:
            if name in self._threads:
                self._threads[name] = TOLD

    def look(self, scripts: Scripts, sid: str) -> None:
        """Cancel what was cancelled while nobody could hear it.

        Parameters:
          scripts: Over any client.
          sid: The session of this process.

        Raises:
          redis.RedisError: When Redis cannot be asked.
        """
        client, keys = scripts.client, scripts.keys
        held: Any = client.zrange(keys.held(sid), 0, -1)
        names = [entry.decode() for entry in held]
        pipe = client.pipeline(transaction=False)
        for name in names:
            workstream, _, member = name.partition("/")
            pipe.hget(keys.workstream(workstream, "job", member.rpartition("~")[0]), "cancel")
        for name, cancelled in zip(names, pipe.execute(), strict=True):
            if cancelled is not None and cancelled.decode() == name.rpartition("~")[2]:
                self.cancel(name)

    def _insist(self, name: str) -> None:
        with self._mutex:
            self._interrupt(name)

    def _interrupt(self, name: str) -> None:
        """Under the mutex: once a delivery has ended, its thread runs another job."""
        thread = self._threads.get(name, TOLD)
        if thread != TOLD:
            # Once only: a second one would interrupt what the job does to clean up.
            self._threads[name] = TOLD
            raise_thread_exception(thread, Cancelled)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    def _await(self, name: str) -> None:
        self._awaited[name] = None
        if len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]

    def _forget(self, delivery: Delivery) -> None:
        name = delivery.grant.name
        with self._mutex:
            self._threads.pop(name, None)
            if self._flags:
                self._flags.pop(name, None)
