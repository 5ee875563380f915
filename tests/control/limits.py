"""Limits that are changed and looked at by hand."""

from __future__ import annotations

import json
from typing import Any

from tests.control.conftest import Desk
from tests.support import events_in
from workstreams.control import LimitChange, change_limit, reset_limit
from workstreams.state import LimitState, read_limits
from workstreams.units import Rate, parse_rate


def rate(*texts: str) -> tuple[Rate, ...]:
    return tuple(map(parse_rate, texts))


def change(desk: Desk, name: str = "mail", key: str = "", **what: Any) -> bool:
    return change_limit(desk.link, desk.config, name, LimitChange(**what), key)


def reset(desk: Desk, name: str = "mail", key: str = "") -> bool:
    return reset_limit(desk.link, desk.config, name, key)


def state(desk: Desk, name: str = "mail", key: str = "") -> LimitState:
    return read_limits(desk.link, desk.config, [(name, key)])[0]


def told(desk: Desk, ws: str = "mail") -> list[dict[str, Any]]:
    """What events say of an operator's changes, the oldest first."""
    log = events_in(desk.rig.client, desk.rig.keys.workstream(ws, "log"), "limit_changed")
    found = [json.loads(event["x"]) for event in log]
    return [details for details in found if details["by"] == "operator"]


def admitted(desk: Desk, most: int = 50, ws: str = "mail") -> int:
    """How many a worker is given now; they end at once."""
    given = desk.rig.ask("s1", ws, most).grants
    for one in given:
        desk.rig.tell("s1", one.end("done"))
    return len(given)
