from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import entry_of
from workstreams.log.lines import FIELDS, events_in, line_of, microseconds, stamp

ID = b"1700000000000-0"
TS = "2023-11-14T22:13:20.000000Z"


def line(**fields: object) -> dict[bytes, bytes]:
    return {b"o": orjson.dumps({"ts": TS, "level": "info", "event": "hello"} | fields), b"j": b""}


def test_a_time_is_written_in_utc_with_microseconds() -> None:
    assert stamp(1_700_000_000_000_001) == "2023-11-14T22:13:20.000001Z"
    assert stamp(0) == "1970-01-01T00:00:00.000000Z"


@given(st.integers(0, 2**57))
def test_a_time_reads_back_the_same(us: int) -> None:
    assert microseconds(stamp(us)) == us


def test_a_time_of_another_zone_is_understood() -> None:
    assert microseconds("2023-11-14T23:13:20+01:00") == microseconds(TS)


def event(name: str, us: int | str, **parts: str) -> dict[bytes, bytes]:
    written = entry_of(name, us, **parts)  # type: ignore[arg-type]  # a hostile time is no number
    [fields] = events_in({field.encode(): value.encode() for field, value in written.items()})
    return dict(fields)


def test_an_event_becomes_a_line_with_the_ten_fields_first() -> None:
    parts = {"attempt": "2", "actor": "send_sms", "worker": "host:1", "key": "acme"}
    fields = event(
        "finished", 1_700_000_000_000_001, job="j1", **parts, details='{"duration_ms": 5, "job": "liar"}'
    )
    made = line_of(ID, fields, "shop", "mail")
    assert tuple(made)[:10] == FIELDS
    assert list(made.values()) == [
        "2023-11-14T22:13:20.000001Z", "info", "finished", "shop", "mail", "j1", "send_sms", 2, "acme",
        "host:1", 5, "liar",
    ]  # fmt: skip  # a value a line hides the ten
    assert tuple(made)[10:] == ("duration_ms", "job_")


def test_empty_fields_of_an_event_are_not_known() -> None:
    made = line_of(ID, event("sent", 1), "shop", "mail")
    assert [made[name] for name in ("level", "key", "worker", "attempt")] == ["info", None, None, None]


def test_an_entry_holds_the_events_of_a_whole_call() -> None:
    packed = "\x1e".join(entry_of("done", 1, job=job, details='{"n": 1}')["p"] for job in ("j1", "j2", ""))
    made = [line_of(ID, fields, "shop", "mail") for fields in events_in({b"p": packed.encode()})]
    assert [(one["event"], one["job"], one["n"]) for one in made] == [
        ("done", "j1", 1),
        ("done", "j2", 1),
        ("done", None, 1),
    ]


def test_a_line_of_a_job_keeps_what_it_says_and_is_completed() -> None:
    made = line_of(ID, line(to="x", job="j1"), "shop", "mail")
    assert tuple(made)[:10] == FIELDS
    assert (made["app"], made["workstream"], made["job"], made["to"]) == ("shop", "mail", "j1", "x")
    assert line_of(ID, line() | {b"j": b"j2"}, "shop", "")["job"] == "j2"
    assert line_of(ID, line(), "shop", "")["workstream"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {b"o": b"{broken"},
        {b"o": b"[]"},
        {b"o": b"\xff\xfe"},
        {b"o": b'{"level": "info", "event": "e"}'},
        line(ts="yesterday"),
        line(ts=5),
        line(level=None),
        line(event={}),
        line(job=5),
        line(attempt="two"),
        line(key=["a"]),
        {b"p": b""},
        {b"p": b"sent\x1f1"},
        {b"p": b"\x1f1\x1finfo\x1f\x1f\x1f\x1f\x1f"},
        event("sent", "soon"),
        event("sent", "9" * 30),
        event("sent", "9" * 5000),
        event("sent", 1, attempt="x"),
        event("sent", 1, details="5"),
        event("sent", 1, details='{"forged": 1}', key="a\x1fb"),
    ],
)
def test_an_entry_that_cannot_be_right_becomes_a_line_that_says_so(fields: dict[bytes, bytes]) -> None:
    made = line_of(ID, fields, "shop", "mail")
    assert (made["event"], made["ts"], made["workstream"]) == ("unreadable_entry", TS, "mail")
    assert made["why"]
    assert orjson.dumps(made)


@given(
    st.binary(max_size=20),
    st.dictionaries(st.sampled_from([b"o", b"p", b"j"]), st.binary(max_size=30)),
)
def test_no_content_raises(stream_id: bytes, fields: dict[bytes, bytes]) -> None:
    made = line_of(stream_id, fields, "shop", "mail")
    assert tuple(made)[:10] == FIELDS
    assert microseconds(made["ts"]) is not None
