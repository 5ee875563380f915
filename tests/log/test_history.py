from __future__ import annotations

import uuid
from typing import Any

import pytest
import redis

from tests.log.servers import KEYS, log_key, write_event, write_line
from workstreams.log.history import lines_of_job

THEN = 1_700_000_000_000
JOB = str(uuid.UUID(int=(THEN << 80) | (7 << 76) | (0b10 << 62)))


@pytest.fixture
def stream(client: redis.Redis) -> redis.Redis:
    write_event(client, "mail", "before", "other", (THEN - 900_000) * 1000, at=f"{THEN - 900_000}-0")
    write_event(client, "mail", "sent", JOB, THEN * 1000, at=f"{THEN}-0")
    write_event(client, "mail", "finished", JOB, (THEN + 20) * 1000, at=f"{THEN + 20}-0")
    written = write_line(client, "mail", "sending", at=f"{THEN + 60}-0", us=(THEN + 9) * 1000, job=JOB)
    client.rpush(KEYS.workstream("mail", "lines", JOB), written)
    for number in range(1200):
        write_event(client, "mail", "sent", f"j{number}", (THEN + 5000) * 1000, at=f"{THEN + 5000}-{number}")
    write_event(client, "mail", "retried", JOB, (THEN + 9000) * 1000, at=f"{THEN + 9000}-0")
    return client


def events(lines: list[dict[str, Any]]) -> list[Any]:
    return [line["event"] for line in lines]


def test_a_jobs_lines_and_events_come_in_the_order_in_which_they_happened(stream: redis.Redis) -> None:
    assert events(lines_of_job(stream, KEYS, "mail", JOB)) == ["sent", "sending", "finished", "retried"]


def test_a_known_end_bounds_the_search_for_events_and_not_the_lines(stream: redis.Redis) -> None:
    late = write_line(stream, "mail", "late", us=(THEN + 15) * 1000, job=JOB)
    stream.rpush(KEYS.workstream("mail", "lines", JOB), late)
    lines = lines_of_job(stream, KEYS, "mail", JOB, until_us=(THEN + 20) * 1000)
    assert events(lines) == ["sent", "sending", "finished", "late"]


def test_an_id_that_tells_no_time_is_searched_from_the_oldest_line(stream: redis.Redis) -> None:
    assert events(lines_of_job(stream, KEYS, "mail", "other")) == ["before"]


def test_a_line_that_was_trimmed_is_left_out(stream: redis.Redis) -> None:
    stream.xtrim(log_key("mail"), maxlen=1, approximate=False)
    assert events(lines_of_job(stream, KEYS, "mail", JOB)) == ["retried"]


def test_a_job_that_nobody_knows_has_no_lines(stream: redis.Redis) -> None:
    assert lines_of_job(stream, KEYS, "mail", "nobody") == []
