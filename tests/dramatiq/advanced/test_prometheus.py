"""https://dramatiq.io/advanced.html: Prometheus."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import dramatiq
import pytest

from tests.dramatiq.support import Ended, Start
from workstreams.wait.broker import WorkstreamBroker


class Metric:
    """Counts what is told of it, like those of the client library."""

    made: dict[str, Metric]

    def __init__(self, name: str, *_: Any, **__: Any) -> None:
        self.value = 0.0
        type(self).made[name] = self

    def labels(self, *_: Any) -> Metric:
        return self

    def inc(self, by: float = 1) -> None:
        self.value += by

    def dec(self, by: float = 1) -> None:
        self.value -= by

    def observe(self, _: float) -> None:
        self.value += 1


def test_dramatiqs_metrics_count_the_messages_of_our_broker(
    worker: Start, queues: WorkstreamBroker, ended: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client: Any = ModuleType("prometheus_client")
    Metric.made = {}
    client.Counter = client.Gauge = client.Histogram = Metric
    client.CollectorRegistry = object
    client.multiprocess = ModuleType("prometheus_client.multiprocess")
    client.multiprocess.mark_process_dead = lambda *_: None
    monkeypatch.setitem(sys.modules, "prometheus_client", client)
    for name in ("dramatiq_prom_db", "PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(name, str(tmp_path))
    queues.add_middleware(importlib.import_module("dramatiq.middleware.prometheus").Prometheus())

    @dramatiq.actor(max_retries=1)
    def act(fail: bool) -> None:
        if fail:
            raise ValueError("no")

    worker()
    ended(act.send(False), "done")
    ended(act.send(True), "dead")
    counted = {name.removeprefix("dramatiq_"): metric.value for name, metric in Metric.made.items()}
    assert counted == {
        "messages_total": 3,
        "message_errors_total": 2,
        "message_retries_total": 1,
        "message_rejects_total": 1,
        "messages_inprogress": 0,
        "delayed_messages_inprogress": 0,
        "message_duration_milliseconds": 3,
    }
