from __future__ import annotations

import hashlib
import http.client
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from workstreams.demo.receiver import Receiver
from workstreams.demo.settings import RECEIVER_VARIABLE
from workstreams.errors import ConfigError
from workstreams.finish.signals import Discard, RateLimited
from workstreams.run.context import CurrentJob, bind, unbind


@pytest.fixture
def lines() -> Iterator[list[tuple[str, Mapping[str, Any]]]]:
    """What the current job logs."""
    written: list[tuple[str, Mapping[str, Any]]] = []
    job = CurrentJob(
        "j", "w", "a", 1, 1, "", "here", write=lambda event, fields: written.append((event, fields))
    )
    bind(lambda: job)
    yield written
    unbind()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver(1)
    receiver.start()
    monkeypatch.setenv(RECEIVER_VARIABLE, receiver.url)
    yield receiver
    receiver.stop()


def test_a_webhook_arrives_and_its_log_says_so(
    jobs: ModuleType, receiver: Receiver, lines: list[tuple[str, Mapping[str, Any]]]
) -> None:
    jobs.deliver.fn("/hooks/orders", {"id": 1})
    assert receiver.counts().arrived == 1
    assert lines == [("delivered", {"url_path": "/hooks/orders", "status": 202})]


def test_a_429_waits_as_long_as_the_receiver_asks_for(
    jobs: ModuleType, receiver: Receiver, lines: object
) -> None:
    jobs.deliver.fn("/hooks/orders", {"id": 1})
    with pytest.raises(RateLimited) as refused:
        jobs.deliver.fn("/hooks/orders", {"id": 2})
    assert refused.value.wait == 1_000_000
    assert lines == [("delivered", {"url_path": "/hooks/orders", "status": 202})]


def test_another_answer_than_success_is_a_failure(jobs: ModuleType, receiver: Receiver) -> None:
    with pytest.raises(http.client.HTTPException, match=r"expected the receiver to accept .*413"):
        jobs.deliver.fn("/hooks/orders", {"id": "x" * 70_000})


def test_a_path_cannot_smuggle_in_a_second_request(jobs: ModuleType, receiver: Receiver) -> None:
    with pytest.raises(http.client.InvalidURL):
        jobs.deliver.fn("/hooks\r\nX: y\r\n\r\nGET /counts", {})
    assert receiver.counts().arrived == 0


def test_without_a_receiver_the_job_says_what_starts_one(
    jobs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RECEIVER_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match="up --demo"):
        jobs.deliver.fn("/hooks/orders", {})


def test_a_file_is_hashed_and_its_log_says_what_came_out(
    jobs: ModuleType, tmp_path: Path, lines: list[tuple[str, Mapping[str, Any]]]
) -> None:
    content = b"workstreams" * 100_000
    (tmp_path / "file").write_bytes(content)
    jobs.digest.fn(str(tmp_path / "file"))
    sha256 = hashlib.sha256(content).hexdigest()
    assert lines == [("hashed", {"path": f"{tmp_path}/file", "size": 1_100_000, "sha256": sha256})]


def test_a_file_that_is_gone_or_is_a_pipe_is_discarded_and_not_waited_for(
    jobs: ModuleType, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("gone", "pipe", "."):
        with pytest.raises(Discard):
            jobs.digest.fn(str(tmp_path / name))
