from __future__ import annotations

from pathlib import Path

import pytest

from workstreams.declare.config import config_from_mapping
from workstreams.demo.inputs import webhook_jobs
from workstreams.demo.rows import limit_in_words, read_rows
from workstreams.errors import RedisUnavailable
from workstreams.wait.broker import WorkstreamBroker


def test_what_was_sent_is_seen_beside_its_limit(server: Path, broker: WorkstreamBroker) -> None:
    broker.enqueue_many(webhook_jobs()[:7])
    broker.enqueue_many(webhook_jobs()[:2], due="+60000000")
    webhooks, files, _ = read_rows(broker.link, broker.config)
    assert (webhooks.name, webhooks.limit) == ("webhooks", "20/s, 5 at once")
    assert (webhooks.waiting, webhooks.scheduled, webhooks.running, webhooks.done) == (7, 2, 0, 0)
    assert (webhooks.unfinished, files.unfinished) == (9, 0)


def test_a_server_that_is_away_is_told_in_a_sentence(broker: WorkstreamBroker) -> None:
    with pytest.raises(RedisUnavailable):
        read_rows(broker.link, broker.config)


def test_limits_are_told_in_words(tmp_path: Path) -> None:
    declared = {"none": None, "both": {"rate": ["10/s", "500/h"], "concurrency": 3}, "one": 2}
    workstreams = config_from_mapping({"workstreams": declared}, tmp_path).workstreams.values()
    assert [limit_in_words(one) for one in workstreams] == ["none", "10/s, 500/h, 3 at once", "2 at once"]
