"""The line: its ten first fields in their order, and how a stream's entry becomes one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from workstreams.log.values import cut, plain

__all__ = [
    "FIELDS",
    "LEVELS",
    "event_of",
    "events_in",
    "line_of",
    "microseconds",
    "notice",
    "now_us",
    "ordered",
    "stamp",
    "stream_time",
]

#: What every line begins with, in this order; the rest follows as it was given.
FIELDS = ("ts", "level", "event", "app", "workstream", "job", "actor", "attempt", "key", "worker")

#: Levels by their weight, which are the standard library's.
LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

#: What an event consists of, in its order, and what stands between two parts, and between two events.
_PARTS = (b"e", b"t", b"l", b"n", b"a", b"w", b"k", b"x")
_PARTED, _EVENT_PARTED = b"\x1f", b"\x1e"

_EPOCH = datetime(1970, 1, 1)
_TEXTS = frozenset(FIELDS) - {"attempt"}


def stamp(microseconds: int) -> str:
    """Write µs since 1970 as ``2025-01-31T12:00:00.000001Z``."""
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds") + "Z"


def microseconds(ts: str) -> int:
    """Read what ``stamp`` wrote, or any ISO 8601 time, as µs since 1970.

    Raises:
      ValueError: When it is no such time.
    """
    moment = datetime.fromisoformat(ts)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def now_us() -> int:
    """This host's clock, in µs since 1970."""
    return time.time_ns() // 1000


def stream_time(stream_id: bytes) -> int:
    """µs since 1970 at which Redis took an entry in; 0 when the id is none."""
    milliseconds, _, _ = stream_id.partition(b"-")
    return int(milliseconds) * 1000 if milliseconds.isdigit() else 0


def notice(event: str, fields: Mapping[str, object]) -> dict[str, Any]:
    """A warning that the log writes about itself; a field that is None is left out."""
    return {"ts": stamp(now_us()), "level": "warning", "event": event} | {
        name: value for name, value in fields.items() if value is not None
    }


def line_of(stream_id: bytes, fields: Mapping[bytes, bytes], app: str, workstream: str) -> dict[str, Any]:
    """Make a line of a stream's entry, be it an event of the system or a line of a job.

    Parameters:
      stream_id: The entry's id, ``<ms>-<n>``.
      fields: The entry's fields, as Redis returned them.
      app: The app whose stream it is.
      workstream: The workstream's name; empty for the stream of the app itself.

    Returns:
      The ten fields in their order (None where not known), then the rest. An entry that nobody can read
      becomes a line ``unreadable_entry`` that says why and shows its beginning.
    """
    try:
        found = _of_line(fields) if b"o" in fields else _of_event(event_of(fields))
        _check(found)
    except (ValueError, OverflowError, RecursionError) as error:
        found = _unreadable(stream_id, fields, str(error))
    found["app"] = found.get("app") or app
    found["workstream"] = found.get("workstream") or workstream or None
    return ordered(found)


def ordered(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line with all ten fields, None where not known, in their order and before the rest."""
    return {name: line.get(name) for name in FIELDS} | {
        name: value for name, value in line.items() if name not in FIELDS
    }


def events_in(fields: Mapping[bytes, bytes]) -> list[Mapping[bytes, bytes]]:
    """What one entry of a stream tells: all events of one call, or one line of a job.

    Parameters:
      fields: The entry's fields, as Redis returned them.

    Returns:
      The fields of each, as :func:`line_of` takes them: an event's job apart from its other parts.
    """
    packed = fields.get(b"p")
    if packed is None:
        return [fields]
    parted = (event.partition(_PARTED) for event in packed.split(_EVENT_PARTED))
    return [{b"j": job, b"p": parts} for job, _, parts in parted]


def _of_line(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    line = _json_object(fields[b"o"])
    if fields.get(b"j"):
        line["job"] = line.get("job") or _text(fields[b"j"])
    return line


def event_of(fields: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    """An event's parts by their short names; ``events.lua`` says which they are and how they are written.

    Raises:
      ValueError: When it is no event.
    """
    parts = _required(fields, b"p").split(_PARTED, len(_PARTS) - 1)
    if len(parts) != len(_PARTS):
        raise ValueError(f"expected {len(_PARTS)} parts, found {len(parts)}")
    return {b"j": fields.get(b"j", b""), **dict(zip(_PARTS, parts, strict=True))}


def _of_event(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ts": stamp(_integer(fields, b"t")),
        "level": _text(fields.get(b"l", b"info")),
        "event": _text(_required(fields, b"e")),
    }
    for short, name in ((b"j", "job"), (b"a", "actor"), (b"k", "key"), (b"w", "worker")):
        if fields.get(short):
            found[name] = _text(fields[short])
    if fields.get(b"n"):
        found["attempt"] = _integer(fields, b"n")
    if fields.get(b"x"):
        _add(found, _json_object(fields[b"x"]))
    return found


def _add(found: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        found[f"{name}_" if name in FIELDS else name] = value


def _check(found: Mapping[str, Any]) -> None:
    for name in ("ts", "level", "event"):
        if not isinstance(found.get(name), str):
            raise ValueError(f"expected {name} as text, found {cut(repr(found.get(name)), 80)}")
    for name in _TEXTS:
        if not isinstance(found.get(name), str | None):
            raise ValueError(f"expected {name} as text, found {cut(repr(found[name]), 80)}")
    if not isinstance(found.get("attempt"), int | None):
        raise ValueError(f"expected attempt as an integer, found {cut(repr(found['attempt']), 80)}")
    microseconds(found["ts"])


def _unreadable(stream_id: bytes, fields: Mapping[bytes, bytes], why: str) -> dict[str, Any]:
    return {
        "ts": stamp(min(stream_time(stream_id), 2**57)),
        "level": "warning",
        "event": "unreadable_entry",
        "why": plain(cut(why, 200)),
        "found": cut(repr(dict(fields)), 500),
        "entry": stream_id.decode("ascii", "replace"),
    }


def _json_object(data: bytes) -> dict[str, Any]:
    value = orjson.loads(data)
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object, found another JSON value")
    return value


def _required(fields: Mapping[bytes, bytes], name: bytes) -> bytes:
    if not fields.get(name):
        raise ValueError(f"expected the field {name.decode()}, found none")
    return fields[name]


def _integer(fields: Mapping[bytes, bytes], name: bytes) -> int:
    text = _text(_required(fields, name))
    try:
        return int(text) if len(text) <= 20 else int(float(text))
    except ValueError:
        raise ValueError(f"expected {name.decode()} as an integer, found {cut(text, 80)}") from None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
