from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.support import entry_of, wait_until
from workstreams.store.client import listener_client
from workstreams.store.keys import Keys
from workstreams.supervisor.echo import Echo, Printer


def test_a_line_that_cannot_be_printed_is_told_and_the_next_one_is_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    printer = Printer(stream, "json", "info")
    render = printer._render

    def fail(line: Any) -> str:
        if line["event"] == "odd":
            raise RuntimeError("a defect")
        return render(line)

    monkeypatch.setattr(printer, "_render", fail)
    printer({"level": "info", "event": "odd"})
    printer({"level": "info", "event": "even"})
    printer.close()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "line_not_printed",
        "even",
    ]


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def echo(server_url: str, keys: Keys, shown: list[str]) -> Iterator[Echo]:
    def mine(worker: str) -> bool:
        if worker == "bad":
            raise RuntimeError("a defect")
        return True

    one = Echo(
        lambda: listener_client(server_url), keys, ["mail"], mine, lambda line: shown.append(line["event"])
    )
    one.start()
    yield one
    one.stop()
    one.join(5)
    assert not one.is_alive()


def test_an_event_that_cannot_be_shown_is_told_and_later_ones_are_shown(
    echo: Echo,
    shown: list[str],
    keys: Keys,
    shared_client: redis.Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = keys.workstream("mail", "log")

    def write(event: str, worker: str) -> None:
        parts = ("", event, "1700000000000000", "info", "", "", worker, "", "")
        shared_client.xadd(stream, {"p": "\x1f".join(parts)})

    def told(event: str) -> bool:
        write(event, "h:1")
        return event in shown

    wait_until(lambda: told("first"))
    write("broken", "bad")
    wait_until(lambda: "echo_failed" in caplog.text)
    wait_until(lambda: told("later"))
    assert "broken" not in shown


def test_two_thousand_events_a_second_are_shown_however_few_a_call_makes(
    echo: Echo, shown: list[str], keys: Keys, shared_client: redis.Redis
) -> None:
    stream = keys.workstream("mail", "log")

    def write(event: str, times: int = 1) -> None:
        entry: Any = entry_of(event, 1_700_000_000_000_000, worker="h:1")
        pipe = shared_client.pipeline(transaction=False)
        for _ in range(times):
            pipe.xadd(stream, entry)
        pipe.execute()

    def told(event: str) -> bool:
        write(event)
        return event in shown

    wait_until(lambda: told("first"))
    begun = time.monotonic()
    write("many", 900)
    wait_until(lambda: shown.count("many") == 900)
    # One pause of a quarter of a second, not one for each read.
    assert time.monotonic() - begun < 1.5
