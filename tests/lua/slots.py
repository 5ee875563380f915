"""Slots of limits, as they are taken and looked at by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.lua.rig import Given, Rig


def held(rig: Rig, limit: str) -> int:
    """How many hold a slot of a shared limit."""
    return int(rig.client.zcard(rig.keys.limit(limit, "holders")))


def busy(rig: Rig, mail: Mapping[str, Any], jobs: int, **limits: Any) -> Given:
    """A job that holds a slot, before others that wait."""
    rig.publish(limits=limits, mail=mail)
    rig.open("s1", "mail")
    rig.send("mail", jobs)
    [given] = rig.ask("s1", "mail").grants
    return given
