"""Puts orders into Redis, in batches, each of them once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import uuid4

from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.errors import CostTooHigh, RedisUnavailable, UnknownWorkstream, WorkstreamFull
from workstreams.send.order import Order
from workstreams.store.client import redis_errors
from workstreams.store.link import Link

__all__ = ["BATCH", "Sender"]

#: A script with a thousand messages holds Redis up for 5 ms; this many take about one.
BATCH = 250


class Sender:
    """The way of jobs into their workstreams.

    Parameters:
      config: Returns the config; its settings are published when Redis has none yet.
      link: Where to.
    """

    def __init__(self, config: Callable[[], Config], link: Callable[[], Link]) -> None:
        self._config = config
        self._link = link
        self._epoch = ""

    def send(self, orders: Sequence[Order]) -> int:
        """Send jobs; a job whose id is known already is left as it is.

        Parameters:
          orders: What to send. Up to 250 go in one step, all or none.

        Returns:
          How many were new.

        Raises:
          RedisUnavailable: With how many were ``sent`` for certain before.
          WorkstreamFull: When a workstream may hold no more.
          CostTooHigh: When a job could never start.
        """
        new = sent = 0
        for batch in _batched(orders):
            try:
                new += self._send_batch(batch)
            except RedisUnavailable as error:
                error.sent = sent
                raise
            sent += len(batch)
        return new

    def _send_batch(self, batch: Sequence[Order]) -> int:
        words = [word for order in batch for word in order.words()]
        request = uuid4().hex
        reply = self._ask(request, words)
        if reply[0] == b"unsettled":
            self._publish(reply[1].decode())
            reply = self._ask(request, words)
        return self._read(reply)

    def _ask(self, request: str, words: Sequence[str | bytes | int | float]) -> list[bytes]:
        call = {"request": request, "epoch": self._epoch, "fresh": request}
        link = self._link()
        with redis_errors(link.url):
            reply: list[bytes] = link.scripts.run("send", call, words)
        return reply

    def _publish(self, missing: str) -> None:
        config, link = self._config(), self._link()
        config.workstream(missing)
        with redis_errors(link.url):
            self._epoch = publish(config, link.scripts, self._epoch).epoch

    def _read(self, reply: Sequence[bytes]) -> int:
        match reply[0]:
            case b"ok":
                self._epoch = reply[2].decode()
                return int(reply[1])
            case b"full":
                raise WorkstreamFull(reply[1].decode(), int(reply[2]))
            case b"dear":
                raise CostTooHigh(reply[1].decode(), float(reply[3]), float(reply[2]))
            case _:
                raise UnknownWorkstream(reply[1].decode(), self._config().workstreams)


def _batched(orders: Sequence[Order]) -> list[Sequence[Order]]:
    return [orders[start : start + BATCH] for start in range(0, len(orders), BATCH)]
