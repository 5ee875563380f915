"""Scripts that answer as a test says, and what an exchange needs around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import redis

from workstreams.admit.delivery import Delivery, Grant
from workstreams.admit.exchange import Exchange
from workstreams.admit.lane import Lane
from workstreams.admit.reports import Reports
from workstreams.admit.work_queue import WorkQueue
from workstreams.send.job import Job
from workstreams.send.payload import body_of, options_of
from workstreams.store.scripts import Scripts

Call = Mapping[str, Any]
Reply = Callable[[Call], list[Any]]


def grant(job_id: str, ws: str = "mail", delivery: int = 1) -> list[Any]:
    """One grant in the script's words."""
    job = Job(ws, "act", (), {}, {}, message_id=job_id)
    return [
        ws.encode(),
        job_id.encode(),
        delivery,
        body_of(job),
        options_of(job),
        1,
        b"",
        b"1700000000000000",
    ]


def answer(
    *grants: list[Any], why: str = "empty", wait: int = -1, refused: Sequence[int] = (), ws: str = "mail"
) -> list[Any]:
    """What the exchange script says."""
    return [
        b"epoch",
        b"1700000000000000",
        list(refused),
        list(grants),
        [[ws.encode(), why.encode(), wait]],
        [],
    ]


class FakeScripts:
    """Records calls and answers each with the next of what it was given; then always with the last."""

    def __init__(self, *replies: list[Any] | redis.RedisError | Reply) -> None:
        self.calls: list[Call] = []
        self._replies = list(replies)
        self._mutex = threading.Lock()

    def close(self) -> None:
        """There is no connection."""

    def then(self, reply: Reply) -> None:
        """Answer the next call with this."""
        with self._mutex:
            self._replies.insert(0, reply)

    def run(self, operation: str, call: Call, _words: Sequence[Any] = ()) -> list[Any]:
        assert operation == "exchange"
        with self._mutex:
            self.calls.append(call)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, redis.RedisError):
            raise reply
        found = reply(call) if callable(reply) else reply
        # The script answers for what was asked, and for nothing else.
        asked = {name for name, _ in call["wants"]}
        return (
            found
            if len(found) < 5
            else [*found[:4], [one for one in found[4] if one[0].decode() in asked], *found[5:]]
        )


class Bench:
    """An exchange over fake scripts, with one lane."""

    def __init__(
        self,
        *replies: list[Any] | redis.RedisError | Reply,
        threads: int = 2,
        scarce: bool = False,
        goes_on: bool = False,
        epoch: str = "",
    ) -> None:
        self.scripts = FakeScripts(*replies)
        self.queue = WorkQueue()
        self.lane = Lane("mail", threads, scarce, None, self.queue)
        self.refused: list[dict[str, Any]] = []
        self.gone: list[str] = []
        self.troubles: list[redis.RedisError | None] = []
        self.lost = threading.Event()
        self.losses = 0
        self.failed = threading.Event()
        self._goes_on = goes_on
        self.unsettled = threading.Event()
        reports = Reports(
            self.refused.append,
            self._lose,
            self.unsettled.set,
            self.troubles.append,
            self.gone.append,
            self.failed.set,
        )
        lanes, scripts = {"mail": self.lane}, cast(Scripts, self.scripts)
        self.exchange = Exchange(scripts, "s1", "h:1", lanes, self.queue, self.deliver, reports, epoch)

    def _lose(self) -> bool:
        self.losses += 1
        self.lost.set()
        return self._goes_on

    def deliver(self, given: Grant) -> Delivery | dict[str, Any]:
        job: Job[Any] = Job("mail", "act", (), {}, {}, message_id=given.job_id)
        return Delivery(job, given)

    def end(self, delivery: Delivery, *, urgent: bool = False) -> None:
        self.exchange.finish(self.lane, delivery.finish("done"), urgent=urgent)

    def told(self) -> list[dict[str, Any]]:
        """Send what there is to tell, and return it."""
        self.exchange.start()
        assert self.exchange.close(5)
        return [finish for call in self.scripts.calls for finish in call["finishes"]]

    @property
    def finished(self) -> list[str]:
        """Ids of all finishes that were told, in order, repeats left out."""
        told = {
            (call["courier"], call["seq"]): [finish["i"] for finish in call["finishes"]]
            for call in self.scripts.calls
        }
        return [one for finishes in told.values() for one in finishes]
