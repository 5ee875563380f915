"""A workstream whose jobs are retried soon, and a look at what stands of it in Redis."""

from __future__ import annotations

import pytest

from tests.conftest import MakeConfig
from tests.support import events_in
from workstreams.wait.broker import WorkstreamBroker

QUICK = {"max": 3, "min_backoff": "10ms", "max_backoff": "20ms"}


@pytest.fixture
def mail(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    broker.configure(make_config(mail={"retries": QUICK, "concurrency": 3}, text={"retries": QUICK}))
    return broker


class Looker:
    """Reads what stands in Redis."""

    def __init__(self, broker: WorkstreamBroker) -> None:
        self.client, self.keys = broker.link.scripts.client, broker.link.keys

    def job(self, job_id: str, workstream: str = "mail") -> dict[str, str]:
        found = self.client.hgetall(self.keys.workstream(workstream, "job", job_id))
        return {name.decode(): value.decode() for name, value in found.items()}

    def state(self, job_id: str) -> str:
        return self.job(job_id).get("state", "gone")

    def running(self) -> int:
        return int(self.client.zcard(self.keys.workstream("mail", "running")))

    def events(self, name: str) -> int:
        return len(events_in(self.client, self.keys.workstream("mail", "log"), name))


@pytest.fixture
def redis_of(mail: WorkstreamBroker) -> Looker:
    return Looker(mail)
