"""A workstream with limits for each of its keys, and what stands of them in Redis."""

from __future__ import annotations

from typing import Any

from tests.lua.rig import Rig


def keyed(rig: Rig, **per_key: Any) -> Rig:
    """Mail under these limits for each key, and a worker."""
    rig.publish(mail={"per_key": per_key})
    rig.open("s1", "mail")
    return rig


def rated(rig: Rig, rate: str = "2/s", **more: Any) -> Rig:
    """Mail under a rate for each key."""
    return keyed(rig, rate=rate, margin="0ms", **more)


def keys_of(rig: Rig, place: str) -> list[str]:
    found = rig.client.zrange(rig.keys.workstream("mail", place), 0, -1)
    return sorted(key.decode() for key in found)


def leftovers(rig: Rig, *places: str) -> list[str]:
    return [place for place in places if rig.client.exists(rig.keys.workstream("mail", place))]
