"""Takes from limits by hand, as blocks outside of jobs do."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from tests.lua.rig import SECOND, Rig

#: µs for which what a guest holds is leased.
LEASE = 15 * SECOND


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """What a guest was told: in or held; why, by which limit, when to ask again, and since when it waits."""

    word: str
    why: str = ""
    by: str = ""
    wait: int = -1
    since: str = ""


class Guests:
    """The guests of one process.

    Parameters:
      rig: The app.
      process: How its process is called.
    """

    def __init__(self, rig: Rig, process: str = "p1") -> None:
        self.rig = rig
        self.process = process
        self._numbers = itertools.count(1)

    def new(self) -> str:
        """A new guest."""
        return f"guest:{self.process}.{next(self._numbers)}"

    def call(self, sid: str, name: str, cost: float | Mapping[str, float] = 1, **more: Any) -> dict[str, Any]:
        """The words of one take."""
        word = json.dumps(cost) if isinstance(cost, Mapping) else cost
        call: dict[str, Any] = {"sid": sid, "name": name, "cost": word, "lease": LEASE, "worker": "h:9"}
        call |= {"request": uuid4().hex, "waits": True, "since": None}
        return call | {"epoch": self.rig.epoch, "fresh": uuid4().hex} | more

    def tell(self, call: Mapping[str, Any]) -> Said:
        """Carry a take out."""
        reply = self.rig.scripts.run("limit_take", call)
        if reply[0] == b"in":
            return Said("in")
        if reply[0] == b"held":
            return Said("held", reply[2].decode(), reply[3].decode(), int(reply[4]), reply[5].decode())
        return Said(*(part.decode() for part in reply[:1]))

    def take(self, name: str, sid: str = "", cost: float | Mapping[str, float] = 1, **more: Any) -> Said:
        """Take, as a new guest if none is named."""
        return self.tell(self.call(sid or self.new(), name, cost, **more))

    def give(self, sid: str, name: str, request: str = "") -> str:
        """Give back; returns what was said."""
        call = {
            "request": request or uuid4().hex,
            "sid": sid,
            "name": name,
            "epoch": "",
            "fresh": uuid4().hex,
        }
        said: str = self.rig.scripts.run("limit_give", call)[0].decode()
        return said
