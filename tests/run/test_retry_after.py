"""What responses of real clients say of when to try again, from a real server."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import httpx
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import workstreams
from workstreams.finish.signals import RateLimited
from workstreams.run.retry_after import LONGEST, retry_after

Headers = list[tuple[str, str]]

#: The server's clock is years behind ours: a date must be compared with its own.
THEN = 1_500_000_000
DATE = ("Date", formatdate(THEN, usegmt=True))


class Refuses(BaseHTTPRequestHandler):
    """Answers 429 with the headers that the request asks for."""

    def do_GET(self) -> None:
        [wanted] = parse_qs(urlsplit(self.path).query)["headers"]
        self.send_response_only(429)
        for name, value in json.loads(wanted):
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an upstream that refuses."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def by_httpx(url: str) -> Any:
    with httpx.Client(trust_env=False) as client:
        return client.get(url)


def by_requests(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=10)


def by_aiohttp(url: str) -> Any:
    async def get() -> Any:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response

    return asyncio.run(get())


def by_urllib(url: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(url, timeout=10)
    refused.value.close()
    return refused.value


Get = Callable[[Headers], Any]


@pytest.fixture(params=[by_httpx, by_requests, by_aiohttp, by_urllib])
def get(request: pytest.FixtureRequest, server: str) -> Get:
    """The response of one client to a refusal with these headers."""
    return lambda headers: request.param(f"{server}?headers={quote(json.dumps(headers))}")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        ([("Retry-After", "30")], 30),
        ([("RETRY-AFTER", "1.5")], 1.5),
        ([DATE, ("Retry-After", formatdate(THEN + 90, usegmt=True))], 90),
        ([DATE, ("Retry-After", "Friday, 14-Jul-17 02:42:00 GMT")], 120),
        ([DATE, ("Retry-After", "Fri Jul 14 02:41:00 2017")], 60),
        ([("Retry-After", "5"), ("Retry-After", "60")], 60),
        ([("RateLimit", '"default";r=0;t=30')], 30),
        ([("RateLimit", '"burst";r=0;t=5, "daily";r=0;t=900'), ("RateLimit", '"other";r=9;t=5000')], 900),
        ([("RateLimit", '"a;t=1, b";r=0;t=7;pk=:dA==:')], 7),
        ([("RateLimit", '"default";r=4;t=30')], None),
        ([("RateLimit", "limit=10, remaining=0, reset=12")], 12),
        ([("RateLimit", "limit=10, remaining=3, reset=12")], None),
        ([("RateLimit-Limit", "10"), ("RateLimit-Remaining", "0"), ("RateLimit-Reset", "30")], 30),
        ([("RateLimit-Remaining", "2"), ("RateLimit-Reset", "30")], None),
        ([DATE, ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", str(THEN + 45))], 45),
        ([DATE, ("X-RateLimit-Reset", str((THEN + 45) * 1000))], 45),
        ([("X-RateLimit-Reset", "45")], 45),
        ([("Retry-After", "3"), ("RateLimit", '"d";r=0;t=30'), ("X-RateLimit-Reset", "45")], 3),
        ([("Retry-After", "soon"), ("RateLimit-Reset", "30")], 30),
    ],
)
def test_the_wait_is_read_from_the_responses_of_every_client(
    get: Get, headers: Headers, seconds: float | None
) -> None:
    assert retry_after(get(headers)) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "999999999"}, LONGEST),
        ({"Retry-After": formatdate(THEN - 5, usegmt=True), "Date": DATE[1]}, 0),
        ({"X-RateLimit-Reset": str(THEN - 5), "Date": DATE[1]}, 0),
        ({"Retry-After": formatdate(THEN + 10**7, usegmt=True), "Date": DATE[1]}, LONGEST),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": ""}, None),
        ({b"retry-after": b"7"}, 7),
        ({"retry-after": 7}, 7),
    ],
)
def test_a_wait_is_never_negative_nor_absurd_nor_guessed(headers: Any, seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_without_the_servers_own_is_compared_with_the_clock_here() -> None:
    found = retry_after({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert found is not None
    assert 90 < found <= 100


def test_what_has_no_headers_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a response with headers, found a int"):
        retry_after(429)


NAMES = ("Retry-After", "RateLimit", "RateLimit-Reset", "X-RateLimit-Reset", "RateLimit-Remaining", "Date")
VALUES = st.text() | st.from_regex(r'("\w*"|[a-z]*)(;[rt]=\d{0,20}){0,3}(, .*)?') | st.integers().map(str)


# Texts are made as fast as the machine is idle.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_whatever_stands_there_is_a_wait_within_bounds_or_none(headers: dict[str, str]) -> None:
    found = retry_after(headers)
    assert found is None or 0 <= found <= LONGEST


def test_a_long_header_takes_no_long_time() -> None:
    begun = time.process_time()
    for text in (" " * 60_000, '"' * 60_000, "a;" * 30_000, "9," * 30_000, "\\" * 60_000):
        retry_after({"RateLimit": text, "Retry-After": text})
    assert time.process_time() - begun < 5


def test_a_refusal_is_made_of_a_response(get: Get) -> None:
    refused = RateLimited.from_response(get([("Retry-After", "30")]), scope="account")
    assert (refused.wait, refused.scope) == (30_000_000, "account")


def test_a_response_that_does_not_say_is_a_second_or_what_the_job_says() -> None:
    assert RateLimited.from_response({}).wait == 1_000_000
    assert RateLimited.from_response({}, default="20s").wait == 20_000_000
    assert RateLimited.from_response({}).scope == "workstream"


def test_it_is_at_the_front_door() -> None:
    assert workstreams.retry_after is retry_after
