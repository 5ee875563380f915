"""The same for what is taken from limits beside the start of a job."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, cast

from tests.promises.scene import Scene
from workstreams.admit.delivery import Delivery
from workstreams.errors import LimitTimeout
from workstreams.guest import LimitBlock
from workstreams.guest.visit import Visit
from workstreams.run.charging import Charging

__all__ = ["OUTSIDE"]


def used(s: Scene, limit: str) -> float:
    """What the one rate of a limit was charged with."""
    [meter] = s.rig.client.keys(s.rig.keys.limit(limit, "meter", "*"))
    stored: Any = s.rig.client.get(meter)
    return float(stored.split()[0])


def charge(s: Scene) -> None:
    class Run:
        grant = type("Grant", (), {"workstream": "mail", "job_id": "j1", "key": "", "attempt": 1})
        actor_name = "act"

    s.configure(mail={"rate": "10/h"})
    s.lose("charge", lambda: Charging(s.broker, cast(Delivery, Run), "h:1")(4))
    # Who was told that Redis did not answer charged again, and knew that it may count twice.
    assert used(s, "mail") == (8 if s.fate == "silence" else 4)
    s.expect_events(charged=2 if s.fate == "silence" else 1)


def slots(s: Scene) -> int:
    """How many hold a slot of the shared limit."""
    return int(s.rig.client.zcard(s.rig.keys.limit("api", "holders")))


def expire(s: Scene) -> None:
    """Let all leases run out, and somebody look."""
    leased: Any = s.rig.client.zrange(s.rig.keys.sessions, 0, -1)
    if leased:
        s.rig.client.zadd(s.rig.keys.sessions, dict.fromkeys(leased, 1))
    s.rig.renew()


def take_a_slot(s: Scene) -> None:
    s.configure({"api": {"concurrency": 2, "rate": "10/h"}}, mail={"within": ["api"]})
    blocks: list[LimitBlock] = []

    def enter() -> None:
        block = LimitBlock(s.broker.desks, "api", 1, "10s")
        block.__enter__()
        blocks.append(block)

    s.lose("limit_take", enter)
    # What was taken for somebody who was not told so is charged; its slot goes back with its lease.
    unknown = 1 if s.fate == "silence" else 0
    assert (len(blocks), slots(s), used(s, "api")) == (1, 1 + unknown, 1 + unknown)
    blocks[0].__exit__(None, None, None)
    assert slots(s) == unknown
    expire(s)
    assert slots(s) == 0
    s.expect()


def take_what_is_taken(s: Scene) -> None:
    s.configure({"api": {"concurrency": 1, "rate": "10/h"}}, mail={"within": ["api"]})

    def enter() -> None:
        with contextlib.suppress(LimitTimeout), LimitBlock(s.broker.desks, "api", 1, "300ms"):
            raise AssertionError("there was no room")

    with LimitBlock(s.broker.desks, "api", 1, None):
        s.lose("limit_take", enter)
        assert (slots(s), used(s, "api")) == (1, 1)
    assert slots(s) == 0
    s.expect()


def give_a_slot(s: Scene) -> None:
    s.configure({"api": {"concurrency": 1}}, mail={"within": ["api"], "concurrency": 1})
    first, second = (Visit(s.broker.desks.open("mail"), "mail", 1) for _ in range(2))
    assert first.ask(waits=False) is None
    s.lose("limit_give", lambda: first.desk.give(first.sid, "mail"), returns=True)
    # Nobody else's is given back by a copy.
    assert second.ask(waits=False) is None
    first.leave()
    assert slots(s) == 1
    second.leave()
    assert slots(s) == 0
    s.expect()


OUTSIDE: tuple[Callable[[Scene], None], ...] = (charge, take_a_slot, take_what_is_taken, give_a_slot)
