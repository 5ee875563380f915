"""A rig whose clock stands still, beside a link to the same app for what control does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.lua.rig import Rig
from tests.support import config_of
from workstreams.declare.config import Config
from workstreams.store.link import Link


class Desk:
    """An app: a fleet driven by hand, and the side from which it is controlled."""

    def __init__(self, client: redis.Redis, url: str, folder: Path) -> None:
        self.rig = Rig(client, folder)
        self.rig.freeze()
        self.link = Link(lambda: url, self.rig.keys)
        self.config: Config = self.declare(mail=None)

    def declare(self, limits: Mapping[str, Any] | None = None, **workstreams: Any) -> Config:
        """Publish a config; the highest version counts."""
        self.rig.publish(limits=limits, **workstreams)
        url = self.link.url
        self.config = config_of(self.rig.keys.app, url, self.rig.folder, workstreams, limits)
        return self.config

    def counted(self, ws: str = "mail") -> bool:
        """Whether what is counted as waiting stands in the ready sets, and every turn has a job."""
        client, keys = self.rig.client, self.rig.keys
        names = client.zrange(keys.workstream(ws, "keys"), 0, -1)
        sizes = [client.zcard(keys.workstream(ws, "ready").encode() + b":" + name) for name in names]
        return sum(sizes) == self.rig.waiting(ws) and all(sizes)

    def places(self, job: str, ws: str = "mail") -> list[str]:
        """The indexes in which a job stands; a job belongs in exactly one."""
        client, keys, found = self.rig.client, self.rig.keys, []
        for index in ("scheduled", "done", "dead"):
            if client.zscore(keys.workstream(ws, index), job) is not None:
                found.append(index)
        key = self.rig.job(ws, job).get("key", "")
        if client.zscore(keys.workstream(ws, "ready", key), job) is not None:
            found.append("waiting")
        running = client.zrange(keys.workstream(ws, "running"), 0, -1)
        found += ["running" for member in running if member.decode().rpartition("~")[0] == job]
        return found


@pytest.fixture
def desk(shared_client: redis.Redis, server_url: str, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(shared_client, server_url, tmp_path)
    yield made
    made.link.close()


@pytest.fixture
def mail(desk: Desk) -> Desk:
    """Fifty jobs under 5/s, three at once."""
    desk.declare(mail={"rate": "5/s", "concurrency": 3})
    desk.rig.open("s1", "mail")
    desk.rig.send("mail", 50)
    return desk
