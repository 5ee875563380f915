"""Stops running jobs that somebody cancelled: knows which delivery runs on which thread here."""

from __future__ import annotations

import threading
from typing import Any

from dramatiq.middleware import Interrupt, raise_thread_exception

from workstreams.admit.delivery import Delivery
from workstreams.store.scripts import Scripts

__all__ = ["Cancelled", "Cancelling"]

#: Cancels of deliveries that have not begun here; what ended before its cancel came is among them.
MOST_AWAITED = 10_000

#: Instead of a thread: that of the delivery was interrupted.
TOLD = 0


class Cancelled(Interrupt):
    """Somebody cancelled the job that runs: it may clean up, and is not retried.

    It is raised inside the job, between two steps of Python: a call into C, a sleep for one, ends
    first. A job may raise it by itself to end as cancelled.
    """


class Cancelling:
    """The deliveries that run in this process, by ``workstream/id~delivery``."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._threads: dict[str, int] = {}
        self._awaited: dict[str, None] = {}

    def begin(self, delivery: Delivery) -> None:
        """A delivery begins on this thread.

        Raises:
          Cancelled: When it was cancelled on its way here.
        """
        name = delivery.grant.name
        with self._mutex:
            cancelled = name in self._awaited
            self._awaited.pop(name, None)
            if not cancelled:
                self._threads[name] = threading.get_ident()
        if cancelled:
            raise Cancelled("cancelled before it began")

    def end(self, delivery: Delivery) -> None:
        """A delivery has ended: from now on nothing is raised in its thread because of it."""
        try:
            self._forget(delivery)
        except Cancelled:
            # It came after the end of the job, and before this: what is decided stays.
            self._forget(delivery)

    def cancel(self, name: str) -> None:
        """Interrupt a delivery, now or when it begins.

        Parameters:
          name: ``workstream/id~delivery``.
        """
        with self._mutex:
            thread = self._threads.get(name)
            if thread is None:
                self._await(name)
            elif thread != TOLD:
                # Once only: a second one would interrupt what the job does to clean up.
                self._threads[name] = TOLD
                # Under the mutex: once a delivery has ended, its thread runs another job.
                raise_thread_exception(thread, Cancelled)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

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

    def _await(self, name: str) -> None:
        self._awaited[name] = None
        if len(self._awaited) > MOST_AWAITED:
            del self._awaited[next(iter(self._awaited))]

    def _forget(self, delivery: Delivery) -> None:
        with self._mutex:
            self._threads.pop(delivery.grant.name, None)
