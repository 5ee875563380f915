"""Any Python value as something JSON can carry, bounded in depth and size."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any

import orjson

__all__ = ["cut", "encode", "plain", "text_of"]

#: Longest repr that stands in for a value; long enough to recognise it, short enough for a line.
MAX_REPR = 2048
#: Deeper is cut: a log line is read by people, and a cycle has no end.
MAX_DEPTH = 8
#: Values in one field; a list that holds itself twice would otherwise grow by powers.
MAX_VALUES = 5000

_AS_TEXT = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
    pathlib.PurePath,
)
_INT64 = 2**63


def cut(text: str, size: int = MAX_REPR) -> str:
    """The text, shortened in its middle when it is longer than *size* characters.

    The middle goes because a traceback says where it began first and what went wrong last.
    """
    if len(text) <= size:
        return text
    half = size // 2
    return f"{text[:half]} …[{len(text) - 2 * half} characters cut]… {text[-half:]}"


def text_of(value: object) -> str:
    """The value as text, whatever its ``__str__`` does."""
    try:
        return value if type(value) is str else str(value)
    except Exception:
        return _repr(value)


def plain(value: object) -> Any:
    """The value in dicts, lists, strings, numbers, booleans and None only.

    Parameters:
      value: Anything. What JSON has no word for becomes its repr, at most 2 KiB of it.

    Returns:
      A new value that ``orjson.dumps`` accepts and that keeps what can be kept.
    """
    return _Walk().value(value, MAX_DEPTH)


def encode(values: Mapping[str, object]) -> bytes:
    """Write a JSON object; what JSON cannot carry is made plain first."""
    try:
        return orjson.dumps(values)
    except (TypeError, ValueError, RecursionError):
        return orjson.dumps(plain(values))


def _repr(value: object) -> str:
    try:
        return _utf8(cut(repr(value)))
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def _utf8(text: str) -> str:
    # Half a surrogate pair comes from file names and is refused by every JSON writer.
    return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else text


class _Walk:
    """One walk through a value, which may meet so many values and no more."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def value(self, value: object, depth: int) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return self.value(value.value, depth - 1) if depth else _repr(value)
        if isinstance(value, str | int | float):
            return self._scalar(value)
        if isinstance(value, _AS_TEXT):
            return text_of(value)
        return self._container(value, depth)

    def _scalar(self, value: str | int | float) -> Any:
        if isinstance(value, str):
            return _utf8(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else _repr(value)
        return int(value) if -_INT64 <= value < 2 * _INT64 else _repr(value)

    def _container(self, value: object, depth: int) -> Any:
        if depth <= 0 or self._left <= 0:
            return _repr(type(value)) if isinstance(value, Mapping | list | tuple | set) else _repr(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._mapping(_fields(value), depth)
        return _repr(value)

    def _mapping(self, value: Mapping[Any, object], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, item in value.items():
            if self._left <= 0:
                made["…"] = f"{len(value) - len(made)} more"
                break
            made[_utf8(text_of(name))] = self.value(item, depth - 1)
        return made

    def _items(self, value: Any, depth: int) -> list[Any]:
        made: list[Any] = []
        for item in value:
            if self._left <= 0:
                made.append(f"… {len(value) - len(made)} more")
                break
            made.append(self.value(item, depth - 1))
        return made


def _fields(value: Any) -> dict[str, object]:
    return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
