"""Puts orders into Redis, in batches, each of them once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.errors import (
    CostTooHigh,
    RedisUnavailable,
    RedisUnsuitable,
    UnknownWorkstream,
    WorkstreamFull,
    WorkstreamsError,
)
from workstreams.send.order import Order
from workstreams.store.link import Link
from workstreams.store.readable import readable

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

    def send(self, orders: Sequence[Order]) -> int:
        """Send jobs; a job whose id is known already is left as it is.

        Parameters:
          orders: What to send. Up to 250 go in one step, all or none.

        Returns:
          How many were new.

        Raises:
          RedisUnavailable: When Redis cannot be asked.
          RedisUnsuitable: When what stands there is not ours.
          WorkstreamFull: When a workstream may hold no more.
          CostTooHigh: When a job could never start.
          UnknownWorkstream: When a workstream is not declared.

        Each of them says how many were ``sent`` for certain, which are ``in_doubt``, and has all
        ``jobs``: see :class:`WorkstreamsError`.
        """
        new = 0
        for start in range(0, len(orders), BATCH):
            try:
                new += self._send_batch(orders[start : start + BATCH])
            except WorkstreamsError as error:
                error.jobs, error.sent = tuple(order.job for order in orders), start
                raise
        return new

    def _send_batch(self, batch: Sequence[Order]) -> int:
        request, link = secrets.token_hex(16), self._link()
        reply = self._ask(link, request, batch)
        if reply[0] == b"unsettled":
            self._publish(link, reply[1].decode())
            reply = self._ask(link, request, batch)
        return self._read(link, reply)

    def _ask(self, link: Link, request: str, batch: Sequence[Order]) -> list[bytes]:
        call = {"request": request, "epoch": link.epoch, "fresh": request}
        words = [word for order in batch for word in order.words()]
        # Where there is no server to ask, nothing is in doubt.
        scripts = link.scripts
        try:
            with readable(link):
                reply: list[bytes] = scripts.run("send", call, words)
        except (RedisUnavailable, RedisUnsuitable) as error:
            error.in_doubt = tuple(order.job for order in batch)
            raise
        return reply

    def _publish(self, link: Link, missing: str) -> None:
        config = self._config()
        config.workstream(missing)
        with readable(link):
            link.epoch = publish(config, link.scripts, link.epoch).epoch

    def _read(self, link: Link, reply: Sequence[bytes]) -> int:
        match reply[0]:
            case b"ok":
                link.epoch = reply[2].decode()
                return int(reply[1])
            case b"full":
                raise WorkstreamFull(reply[1].decode(), int(reply[2]))
            case b"dear":
                raise CostTooHigh(reply[1].decode(), float(reply[3]), float(reply[2]))
            case _:
                raise UnknownWorkstream(reply[1].decode(), self._config().workstreams)
