"""The job of a tick: the same id whoever makes it, and a delay that all schedulers agree on."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from workstreams.declare.config import Config
from workstreams.declare.config.schedule import Schedule
from workstreams.schedule.moments import iso
from workstreams.send.identity import new_id
from workstreams.send.job import Job
from workstreams.send.order import Order, order_for

__all__ = ["Orders", "jitter_of", "job_id_of"]


def _digest(*words: object) -> int:
    text = "\0".join(map(str, words)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


def job_id_of(app: str, name: str, tick: int) -> str:
    """The id of a tick's job: a version 7 UUID of the tick's time, its random bits made of the names.

    Parameters:
      app: The app.
      name: The schedule.
      tick: µs since 1970.
    """
    noise = _digest(app, name, tick)
    high = (tick // 1000 << 16) | 0x7000 | (noise >> 62 & 0xFFF)
    text = f"{(high << 64) | (0b10 << 62) | (noise & 0x3FFF_FFFF_FFFF_FFFF):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def jitter_of(name: str, tick: int, most: int) -> int:
    """By how much a tick's job is held back: less than *most*, in µs, and the same in all schedulers."""
    return _digest("jitter", name, tick) % most if most else 0


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """Makes the jobs of one schedule.

    Attributes:
      config: Whose app and workstreams.
      name: The schedule's name.
      schedule: What it declares.
      workstream: Where its jobs wait.
    """

    config: Config
    name: str
    schedule: Schedule
    workstream: str

    def of_tick(self, tick: int) -> Order:
        """The job of a tick.

        Parameters:
          tick: µs since 1970.

        Raises:
          PayloadError: When its arguments cannot travel.
          PayloadTooLarge: When they are larger than the workstream takes.
        """
        delay = jitter_of(self.name, tick, self.schedule.jitter)
        due = f"@{tick + delay}" if delay else ""
        return self._order(job_id_of(self.config.app, self.name, tick), due, {"tick": iso(tick)})

    def of_now(self) -> Order:
        """A job of its own, of no tick."""
        return self._order(new_id(), "", {})

    def _order(self, job_id: str, due: str, more: dict[str, str]) -> Order:
        args, kwargs = tuple(self.schedule.args), dict(self.schedule.kwargs)
        options: dict[str, Any] = {"schedule": self.name, **more}
        job: Job[Any] = Job(self.workstream, self.schedule.actor, args, kwargs, options, message_id=job_id)
        return order_for(job, self.config.workstream(self.workstream), due)
