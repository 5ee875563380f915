"""The same for what is taken from limits beside the start of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tests.promises.scene import Scene
from workstreams.admit.delivery import Delivery
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


OUTSIDE: tuple[Callable[[Scene], None], ...] = (charge,)
