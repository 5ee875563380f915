"""One way through a limit: asked for, held, given back."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

import structlog

from workstreams.errors import WorkstreamsError
from workstreams.guest.desk import Admitted, Desk, Refused

__all__ = ["Visit"]


class Visit:
    """What one block does at a desk. It may be asked for in one thread and left in another.

    Parameters:
      desk: Where.
      name: The limit or workstream.
      cost: Its cost as the scripts take it.

    Attributes:
      sid: The guest.
      want: What it asks for: the same for all to whom the same is answered.
      lost: Whether its lease ran out while it was in.
    """

    def __init__(self, desk: Desk, name: str, cost: int | float | str) -> None:
        self.desk = desk
        self.sid = desk.new_guest()
        self.want = (name, cost)
        self.lost = False
        self._name = name
        self._cost = cost
        self._since: str | None = None
        self._mutex = threading.Lock()
        self._leased = False
        self._over = False
        self._log: Any = structlog.get_logger("workstreams")

    def ask(self, *, waits: bool) -> Refused | None:
        """Ask once.

        Parameters:
          waits: Whether to ask again if it is refused.

        Returns:
          Why not; None once it is in, or was left meanwhile.

        Raises:
          UnknownLimit, CostTooHigh, RedisUnavailable, RedisUnsuitable
        """
        said = self.desk.take(self.sid, self._name, self._cost, waits=waits, since=self._since)
        with self._mutex:
            over = self._over
            if isinstance(said, Admitted) and not over:
                self._leased = True
                self.desk.keeper.keep(self.sid, self._lose)
        if over:
            # Nobody waits any longer for what was on its way.
            self._give_quietly()
        if over or isinstance(said, Admitted):
            return None
        self._since = said.since
        return said

    def leave(self) -> None:
        """Give back what it holds, but not in a forked process. Should Redis be away, the lease runs out
        by itself, and a line says so.
        """
        if self.desk.pid != os.getpid():
            return
        try:
            self._leave()
        except BaseException:
            self.abandon()
            raise

    def _leave(self) -> None:
        # First: who is interrupted again after this keeps the slot no longer than its lease.
        self.desk.keeper.drop(self.sid)
        if not self._end():
            return
        try:
            held = self.desk.give(self.sid, self._name)
        except WorkstreamsError as error:
            self._log.warning(
                "limit_not_given_back",
                limit=self._name,
                error=str(error),
                hint=f"its slot is free when its lease has run out, in {self.desk.keeper.lease / 1e6:g} s",
            )
        else:
            if not held:
                self._lose()

    def abandon(self) -> None:
        """It was interrupted: whatever it has, or gets yet, goes back."""
        self.desk.hearing.forget(self.sid)
        self._end()
        self.desk.keeper.drop(self.sid)
        self._give_quietly()

    def _give_quietly(self) -> None:
        with contextlib.suppress(WorkstreamsError):
            self.desk.give(self.sid, self._name)

    def _end(self) -> bool:
        """Whether there is anything to give back, which is so once."""
        with self._mutex:
            leased, self._leased, self._over = self._leased, False, True
        return leased

    def _lose(self) -> None:
        # Told by a renewal, or at its end.
        if not self.lost:
            self.lost = True
            self._log.warning(
                "limit_lost",
                limit=self._name,
                hint="this process was silent for longer than worker.lease: others may have had its slot",
            )
