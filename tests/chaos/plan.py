"""Which faults happen when: all of it out of the seed, before anything starts."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence

from tests.chaos.settings import Settings

__all__ = ["GROUPS", "KINDS", "Planned", "kinds_of", "plan_of"]

#: Words that stand for several kinds.
GROUPS = {
    "kill": ("kill-worker", "kill-supervisor", "kill-host", "kill-scheduler"),
    "stop": ("stop-worker", "stop-supervisor", "stop-host", "stop-scheduler"),
    "deploy": ("drain-host", "drain-scheduler"),
    "proxy": ("cut", "drop", "delay", "hang"),
    "operate": ("pause", "cancel"),
}

#: What happens to Redis itself; each is asked for by its own name.
SERVER = ("redis", "power", "full")

#: Every round has one of each of these, in an order of its own, and so has a short session all of them.
ROUND = (
    GROUPS["kill"],
    GROUPS["kill"],
    GROUPS["stop"],
    GROUPS["deploy"],
    SERVER,
    GROUPS["proxy"],
    GROUPS["operate"],
)

#: Every kind, and how often it comes beside the others of its group.
KINDS = {
    "kill-worker": 4,
    "kill-supervisor": 2,
    "kill-host": 2,
    "kill-scheduler": 1,
    "stop-worker": 3,
    "stop-supervisor": 2,
    "stop-host": 1,
    "stop-scheduler": 1,
    "drain-host": 2,
    "drain-scheduler": 1,
    "redis": 2,
    "power": 2,
    "full": 1,
    "cut": 2,
    "drop": 3,
    "delay": 1,
    "hang": 1,
    "pause": 1,
    "cancel": 3,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come.

    Attributes:
      at: Seconds after the beginning.
      kind: One of ``KINDS``.
      choice: 0 to 1: which of those that it can be done to.
      size: 0 to 1: how long, or how many, within what the kind allows.
    """

    at: float
    kind: str
    choice: float
    size: float


def kinds_of(words: Sequence[str]) -> tuple[str, ...]:
    """The kinds that words such as ``kill`` and ``redis`` stand for.

    Raises:
      ValueError: When a word stands for none.
    """
    found: list[str] = []
    for word in words:
        kinds = GROUPS.get(word, (word,))
        if not set(kinds) <= set(KINDS):
            raise ValueError(f"one of {', '.join([*GROUPS, *KINDS])}, found {word!r}")
        found += kinds
    return tuple(dict.fromkeys(found))


def plan_of(settings: Settings) -> list[Planned]:
    """The faults of a session, the earliest first."""
    chance = random.Random(f"faults of {settings.seed}")
    planned: list[Planned] = []
    at = chance.uniform(0.3, 0.7) * settings.kill_every
    for kind in _drawn(chance, settings.faults):
        if at >= settings.seconds:
            break
        planned.append(Planned(at, kind, chance.random(), chance.random()))
        at += chance.uniform(0.5, 1.5) * settings.kill_every
    return planned


def _drawn(chance: random.Random, wanted: Sequence[str]) -> Iterator[str]:
    """Kinds without end, round by round; none at all where none is wanted."""
    groups = [[kind for kind in group if kind in wanted] for group in ROUND]
    groups = [group for group in groups if group]
    while groups:
        for group in chance.sample(groups, len(groups)):
            yield chance.choices(group, [KINDS[kind] for kind in group])[0]
