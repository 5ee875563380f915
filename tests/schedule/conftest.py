"""An app whose clock stands still until it is told, and the schedules of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis

from tests.support import config_of, events_in
from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.schedule.firing import Firing
from workstreams.schedule.record import Record, declare_schedules, read_records
from workstreams.store.keys import Keys
from workstreams.store.link import Link

#: A frozen clock begins here: 2023-11-14, 22:13:20 UTC.
BEGIN = 1_700_000_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class App:
    """One app on the shared server with a schedule ``tick`` into the workstream ``mail``."""

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self.name, self.url, self.folder = name, url, folder
        self.keys = Keys(name)
        self.links: list[Link] = []
        self.link = self.new_link()
        self.client: redis.Redis = self.link.scripts.client
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    def new_link(self) -> Link:
        """Another way to the same server, as another process has one."""
        self.links.append(Link(lambda: self.url, self.keys))
        return self.links[-1]

    def config(self, mail: Any = None, version: str = "1", **schedule: Any) -> Config:
        """A config with the schedule."""
        tick = {
            "actor": "act",
            "workstream": "mail",
            **({} if "cron" in schedule else {"every": "1m"}),
            **schedule,
        }
        return config_of(
            self.name, self.url, self.folder, {"mail": mail}, schedules={"tick": tick}, version=version
        )

    def firing(self, config: Config) -> Firing:
        """One scheduler's view of the schedule."""
        return Firing(config, "tick", "mail", self.new_link(), self._tell)

    def declared(self, mail: Any = None, **schedule: Any) -> Firing:
        """Publish, declare as the start of a scheduler does, and return its view."""
        config = self.config(mail, **schedule)
        publish(config, self.link.scripts)
        declare_schedules(self.link, config.version, config.schedules, {"tick": "mail"})
        return self.firing(config)

    def _tell(self, event: str, level: str, **fields: Any) -> None:
        self.told.append((event, level, fields))

    # The clock.

    def freeze(self, at: int = BEGIN) -> None:
        """Let time stand still: TIME counts for nothing, and the mark says what time it is."""
        self.client.hset(self.keys.clock, mapping={"mark": at, "offset": -(10**16)})

    def advance(self, us: int) -> None:
        """Move the frozen clock on."""
        self.client.hincrby(self.keys.clock, "mark", us)

    # What stands in Redis.

    @property
    def record(self) -> Record:
        return read_records(self.link, ["tick"]).by_name["tick"]

    def jobs(self) -> list[str]:
        """Ids of all jobs of the workstream, in order."""
        prefix = self.keys.workstream("mail", "job", "")
        found = self.client.scan_iter(match=prefix + "*", count=1000)
        return sorted(key.decode().removeprefix(prefix) for key in found)

    def job(self, job_id: str) -> dict[str, str]:
        found = self.client.hgetall(self.keys.workstream("mail", "job", job_id))
        return {name.decode(): value.decode() for name, value in found.items()}

    def end_jobs(self, state: str = "done") -> None:
        """Let all jobs end, as a worker would record it."""
        for job in self.jobs():
            self.client.hset(self.keys.workstream("mail", "job", job), "state", state)

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """The details of the events of one name, in order."""
        found = events_in(self.client, self.keys.workstream("mail", "log"), name)
        return [orjson.loads(event["x"]) for event in found]

    def fired(self) -> list[str]:
        """The ticks that fired, in order."""
        return [event["tick"] for event in self.events("fired")]

    def skipped(self) -> list[tuple[str, str, int]]:
        """What was skipped: reason, last tick, and how many."""
        return [(one["reason"], one["tick"], one.get("ticks", 1)) for one in self.events("tick_skipped")]


@pytest.fixture
def app(app_name: str, server_url: str, tmp_path: Path) -> Iterator[App]:
    """A new app whose clock stands still."""
    made = App(app_name, server_url, tmp_path)
    made.freeze()
    yield made
    for link in made.links:
        link.close()
