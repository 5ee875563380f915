"""Refusals of an upstream lose no job and spend no attempt; how well its limit is found is not judged."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

import pytest

from tests.figures.__main__ import main
from tests.figures.hidden import Arrival, Bucket, upstream
from tests.figures.upstream import phase_row


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", ["eased, Retry-After", "only waits, Retry-After"])
def test_refusals_of_a_limit_that_changes_lose_no_job_and_spend_no_attempt(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--hidden", "30", "15", "--seconds", "2.5", "--recover", "2s"]
    assert main(["upstream", "--only", case, *short]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["hidden"] for row in rows] == [30, 15]
    assert sum(row["refused_before"] + row["refused"] for row in rows) > 0, "it was refused"
    assert all(row["attempts_spent"] == row["lost"] == 0 for row in rows)


def test_the_bucket_accepts_a_few_at_once_and_then_its_rate() -> None:
    bucket = Bucket(rate=10, burst=3)
    assert [bool(bucket.wait(5.0)) for _ in range(4)] == [False, False, False, True]
    assert bucket.wait(5.0) == pytest.approx(0.1)
    assert bucket.wait(5.1) == 0
    assert bucket.wait(5.1) > 0


def test_the_bucket_follows_another_rate_from_when_it_is_changed() -> None:
    bucket = Bucket(rate=10, burst=1)
    assert bucket.wait(5.0) == 0
    bucket.rate = 2
    assert bucket.wait(5.1) == 0
    assert bucket.wait(5.2) == pytest.approx(0.4)


@pytest.mark.parametrize("tells", [True, False])
def test_the_server_answers_429_above_its_limit_and_says_how_long_if_it_is_to(tells: bool) -> None:
    with upstream(0.5, 1, tells=tells) as seen:
        answers = []
        for _ in range(2):
            with closing(http.client.HTTPConnection(seen.url, timeout=5)) as connection:
                connection.request("GET", "/")
                response = connection.getresponse()
                answers.append((response.status, response.headers.get("Retry-After")))
    assert answers == [(204, None), (429, "2" if tells else None)]
    assert [one.refused for one in seen.arrivals] == [False, True]


def test_shares_are_of_the_steady_half() -> None:
    finding = [Arrival(0.1, refused=True)] * 5
    steady = [Arrival(5.1, refused=False)] * 45 + [Arrival(5.2, refused=True)] * 5
    row = phase_row(10, finding, steady, 5.0)
    assert row["refused_before"] == 5
    assert row["refused_percent"] == 10
    assert row["used_percent"] == 90
    assert phase_row(10, [], [], 5.0)["refused_percent"] is None
