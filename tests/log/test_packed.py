"""Entries that hold the events of a whole call: each event is a line of its own."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.log.servers import KEYS, log_key
from tests.support import entry_of
from workstreams.log.follow import Line, follow
from workstreams.log.history import lines_of_job
from workstreams.send.identity import new_id

THEN = 1_700_000_000_000


def write(client: redis.Redis, names: str, ms: int = THEN, job: str = "") -> None:
    """One entry with an event for each letter."""
    packed = "\x1e".join(entry_of(name, ms * 1000, job=job)["p"] for name in names)
    client.xadd(log_key("mail"), {"p": packed}, id=f"{ms}-*")


def read(client: redis.Redis, **options: Any) -> list[Line]:
    return list(follow(client, KEYS, ["mail"], follow=False, **options))


def names_of(lines: list[Line]) -> str:
    return "".join(line.values["event"] for line in lines)


def test_the_events_of_an_entry_come_in_their_order(client: redis.Redis) -> None:
    write(client, "cab")
    write(client, "fed")
    write(client, "g", THEN + 1)
    assert names_of(read(client)) == "cabfedg"


def test_a_reader_goes_on_behind_the_line_it_saw_last_within_an_entry(client: redis.Redis) -> None:
    write(client, "abc")
    write(client, "de")
    lines = read(client)
    for place, line in enumerate(lines, start=1):
        assert names_of(read(client, after=line.id)) == "abcde"[place:]


def test_the_last_lines_may_begin_within_an_entry(client: redis.Redis) -> None:
    write(client, "abc")
    write(client, "def")
    for last in range(8):
        assert names_of(read(client, last=last)) == "abcdef"[max(0, 6 - last) :]


def test_a_job_s_lines_are_found_among_those_of_others_in_an_entry(client: redis.Redis) -> None:
    job, other = new_id(), new_id()
    parts = [entry_of(name, THEN * 1000, job=of)["p"] for name, of in (("a", job), ("b", other), ("c", job))]
    client.xadd(log_key("mail"), {"p": "\x1e".join(parts)})
    assert names_of(read(client, job=job)) == "ac"
    assert [line["event"] for line in lines_of_job(client, KEYS, "mail", job)] == ["a", "c"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=8),
    seen=st.integers(0, 39),
)
def test_however_a_log_is_packed_it_is_read_as_one_sequence(
    client: redis.Redis, entries: list[str], seen: int
) -> None:
    client.flushall()
    for entry in entries:
        write(client, entry)
    lines = read(client)
    assert names_of(lines) == "".join(entries)
    last = lines[seen % len(lines)]
    assert names_of(lines[: seen % len(lines) + 1] + read(client, after=last.id)) == "".join(entries)


@pytest.mark.parametrize("packed", ["", "\x1e", "\x1e\x1f\x1e"])
def test_what_is_packed_wrongly_is_told_for_each_piece(client: redis.Redis, packed: str) -> None:
    client.xadd(log_key("mail"), {"p": packed}, id=f"{THEN}-1")
    lines = read(client)
    assert len(lines) == packed.count("\x1e") + 1
    assert {line.values["event"] for line in lines} == {"unreadable_entry"}


def entries_read(client: redis.Redis, command: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries each reply to a command holds, from now on."""
    found: list[int] = []
    whole = getattr(client, command)

    def counted(*args: Any, **options: Any) -> Any:
        reply = whole(*args, **options)
        found.append(sum(len(part[1]) for part in reply) if command == "xread" else len(reply))
        return reply

    monkeypatch.setattr(client, command, counted)
    return found


def test_a_few_last_lines_are_read_without_those_before(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ms in range(2000):
        write(client, "abcd", THEN + 200 * ms)
    found = entries_read(client, "xrevrange", monkeypatch)
    assert names_of(read(client, last=6)) == "cdabcd"
    assert max(found) <= 25
    assert names_of(read(client, last=6000)) == "abcd" * 1500


def test_many_streams_share_one_reply(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"w{number}" for number in range(40)]
    for number in range(4000):
        us = (THEN + number) * 1000
        client.xadd(log_key(names[number % 40]), dict(entry_of(f"e{number}", us)), id=f"{THEN + number}-0")
    found = entries_read(client, "xread", monkeypatch)
    lines = list(follow(client, KEYS, names, follow=False))
    assert [line.values["event"] for line in lines] == [f"e{number}" for number in range(4000)]
    assert max(found) <= 40 * 25
