"""Asks Redis for those who come from outside of jobs: one desk for a process and its server."""

from __future__ import annotations

import dataclasses
import itertools
import os
from typing import Any
from uuid import uuid4

from workstreams.admit.admission import worker_name
from workstreams.admit.sessions import new_sid
from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.errors import CostTooHigh, UnknownLimit
from workstreams.guest.hearing import Hearing
from workstreams.guest.keeper import Keeper
from workstreams.state import find_limit
from workstreams.state.decoding import text
from workstreams.store.keys import GUEST
from workstreams.store.link import Link
from workstreams.store.readable import readable
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["LONG_LOOK", "Admitted", "Desk", "Desks", "Refused"]

#: Seconds after which somebody asks again although nobody called: a call may be lost, or go to the dead.
LOOK = 1.0
#: The same for a rate, which tells the time; a limit that is changed is told as well.
LONG_LOOK = 10.0


@dataclasses.dataclass(frozen=True, slots=True)
class Admitted:
    """A guest is in: it holds slots, to be given back."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """A guest is to wait.

    Attributes:
      why: paused, concurrency or rate.
      limit: The limit that says so.
      wait: Seconds until there is room; None if nobody knows.
      since: Its place in the line, to be shown the next time.
    """

    why: str
    limit: str
    wait: float | None
    since: str

    @property
    def pause(self) -> float:
        """Seconds to sleep before asking again, if nobody calls before."""
        return LOOK if self.wait is None else min(self.wait, LONG_LOOK)

    @property
    def is_called(self) -> bool:
        """Whether it is worth to listen: what is known to come within a second needs no call."""
        return self.wait is None or self.wait > LOOK


class Desk:
    """The way of one process to the limits on one server.

    Parameters:
      config: Declares the limits.
      link: Where they are.

    Attributes:
      pid: The process that opened it.
    """

    def __init__(self, config: Config, link: Link) -> None:
        self.pid = os.getpid()
        self.config, self.link = config, link
        self._name = f"{GUEST.decode()}{new_sid()}"
        self._numbers = itertools.count(1)
        self._epoch = ""
        self.keeper = Keeper(link, config.worker.lease)
        self.hearing = Hearing(link, self._name)

    def new_guest(self) -> str:
        """What another guest is called."""
        return f"{self._name}.{next(self._numbers)}"

    def take(
        self, sid: str, name: str, cost: int | float | str, *, waits: bool, since: str | None
    ) -> Admitted | Refused:
        """Ask once to be let in.

        Parameters:
          sid: The guest.
          name: A workstream or a shared limit.
          cost: As :func:`workstreams.send.cost.cost_of` returns it.
          waits: Whether it asks again if it is refused.
          since: What it was told at an earlier refusal.

        Raises:
          UnknownLimit, CostTooHigh, RedisUnavailable, RedisUnsuitable
        """
        fields = {"sid": sid, "name": name, "cost": cost, "waits": waits, "since": since}
        fields |= {"lease": self.keeper.lease, "worker": worker_name()}
        reply = self._ask("limit_take", fields)
        if reply[0] == b"unsettled":
            with readable(self.link):
                self._epoch = publish(self.config, self.link.scripts, self._epoch).epoch
            reply = self._ask("limit_take", fields)
        return self._read(name, reply)

    def give(self, sid: str, name: str) -> bool:
        """Give back what a guest holds, and take it out of the lines it waits in.

        Returns:
          Whether it held anything.

        Raises:
          RedisUnavailable, RedisUnsuitable
        """
        return bool(self._ask("limit_give", {"sid": sid, "name": name})[0] == b"given")

    def _ask(self, operation: str, fields: dict[str, Any]) -> list[Any]:
        request = uuid4().hex
        with readable(self.link):
            reply: list[Any] = self.link.scripts.run(
                operation, {**fields, "request": request, "epoch": self._epoch, "fresh": request}
            )
        return reply

    def _read(self, name: str, reply: list[Any]) -> Admitted | Refused:
        match reply[0]:
            case b"in":
                self._epoch = text(reply[1])
                return Admitted()
            case b"held":
                self._epoch, wait = text(reply[1]), int(reply[4])
                seconds = wait / 1_000_000 if wait >= 0 else None
                return Refused(text(reply[2]), text(reply[3]), seconds, text(reply[5]))
            case b"dear":
                raise CostTooHigh(text(reply[1]), float(reply[3]), float(reply[2]))
            case _:
                raise UnknownLimit(name, self.config.limit_names)


class Desks:
    """The desks of a broker: a fork, and another config, open a new one.

    Parameters:
      broker: Whose config and connections are used.
    """

    def __init__(self, broker: WorkstreamBroker) -> None:
        self._broker = broker
        self._desk: Desk | None = None

    @classmethod
    def of(cls, broker: WorkstreamBroker) -> Desks:
        """Those that a broker was built with; its first ones, if a program made it by itself."""
        if broker.desks is None:
            broker.desks = cls(broker)
        desks: Desks = broker.desks
        return desks

    def open(self, name: str) -> Desk:
        """The desk of this process for a limit.

        Raises:
          UnknownLimit: When the config declares no limit and no workstream of this name.
          ConfigError: When there is none that can be read.
        """
        config, link = self._broker.config, self._broker.link
        find_limit(config, name)
        desk = self._desk
        if desk is None or desk.link is not link or desk.pid != os.getpid():
            # Two threads may open two: each of them does.
            desk = self._desk = Desk(config, link)
        return desk
