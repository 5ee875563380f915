"""Kinds of values: how each is read, what it expects, and its JSON Schema."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from workstreams.declare.config.model import VARIABLE, alternatives, refuse
from workstreams.declare.config.scalars import typed
from workstreams.errors import nearest
from workstreams.units import Rate, format_duration, parse_duration, parse_rate, parse_size

__all__ = [
    "DURATION_PATTERN",
    "NAME_PATTERN",
    "SIZE_PATTERN",
    "Reads",
    "choice",
    "duration",
    "flag",
    "name",
    "number",
    "or_empty",
    "or_null",
    "rate",
    "size",
    "text",
    "whole",
]

NAME_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9._-]*$"
DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]+(B|KiB|MiB|GiB)$"
_NAME = re.compile(NAME_PATTERN)
_LONGEST_NAME = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Reads:
    """Annotation of a field: reads a value, or raises ValueError with what was expected instead.

    Attributes:
      read: From what the document holds to the field's value.
      schema: JSON Schema of what the document may hold.
    """

    read: Callable[[object], object]
    schema: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # A variable may stand for any value; its type is known only once it is read.
        return alternatives(self.schema, VARIABLE) if self.schema else {}

    def _validate(self, value: object) -> object:
        try:
            return self.read(value)
        except ValueError as error:
            expected, hint = (*error.args, "")[:2]
            refuse(expected, hint=hint)


def or_null(kind: Reads) -> Reads:
    """The same kind, or nothing."""

    def read(value: object) -> object:
        return None if typed(value) is None else kind.read(value)

    return Reads(read, alternatives(kind.schema, {"type": "null"}))


def or_empty(kind: Reads) -> Reads:
    """The same kind, or nothing, for which empty text stands as well."""

    def read(value: object) -> object:
        return None if value is None or value == "" else kind.read(value)

    return Reads(read, alternatives(kind.schema, {"type": "null"}))


def text(expected: str = "text", pattern: str | None = None) -> Reads:
    """Text on one line.

    Parameters:
      expected: What is expected, as a phrase.
      pattern: A regular expression that the whole text has to match.
    """

    def read(value: object) -> str:
        if not isinstance(value, str):
            hint = "put it in quotes" if isinstance(value, int | float) else ""
            raise ValueError(expected, hint)
        if not value.isprintable() or (pattern and not re.fullmatch(pattern, value)):
            raise ValueError(expected if pattern else f"{expected} without control characters")
        return str(value)

    return Reads(read, {"type": "string", **({"pattern": f"^({pattern})$"} if pattern else {})})


def name(of: str) -> Reads:
    """A name that becomes part of a key in Redis."""
    expected = f"{of}: a letter or _, then letters, digits and . _ -, at most {_LONGEST_NAME}"

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(expected, "put it in quotes" if isinstance(value, int | float) else "")
        if len(value) > _LONGEST_NAME or not _NAME.fullmatch(value):
            raise ValueError(expected)
        return str(value)

    return Reads(read, {"type": "string", "pattern": NAME_PATTERN, "maxLength": _LONGEST_NAME})


def whole(at_least: int, at_most: int | None = None) -> Reads:
    """A whole number within bounds, both included."""
    bounds = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"

    def read(value: object) -> int:
        value = typed(value)
        hint = "write it without quotes" if isinstance(value, str) and value.strip().isdecimal() else ""
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"a whole number {bounds}", hint)
        if value < at_least or (at_most is not None and value > at_most):
            raise ValueError(f"a whole number {bounds}")
        return value

    upper = {} if at_most is None else {"maximum": at_most}
    return Reads(read, {"type": "integer", "minimum": at_least, **upper})


def number(above: float | None = None, at_least: float | None = None, below_or_at: float = math.inf) -> Reads:
    """A finite number.

    Parameters:
      above: It is more than this.
      at_least: It is this or more.
      below_or_at: It is this or less.
    """
    low = f"above {above:g}" if above is not None else f"of at least {at_least:g}"
    expected = f"a number {low}" + ("" if math.isinf(below_or_at) else f" and at most {below_or_at:g}")

    def read(value: object) -> float:
        value = typed(value)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= 1e300:
            raise ValueError(expected)
        if (above is not None and value <= above) or (at_least is not None and value < at_least):
            raise ValueError(expected)
        if value > below_or_at:
            raise ValueError(expected)
        return float(value)

    schema: dict[str, object] = {"type": "number"}
    schema |= {"exclusiveMinimum": above} if above is not None else {"minimum": at_least}
    return Reads(read, schema if math.isinf(below_or_at) else {**schema, "maximum": below_or_at})


def _flag(value: object) -> bool:
    value = typed(value)
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


#: ``true`` or ``false``.
flag = Reads(_flag, {"type": "boolean"})


def duration(at_least: int = 0) -> Reads:
    """A duration with its unit.

    Parameters:
      at_least: The shortest one allowed, in microseconds.
    """

    def read(value: object) -> int:
        if not isinstance(value, str):
            raise ValueError("a duration with its unit, such as 250ms, 30s, 5m, 2h or 7d")
        found = parse_duration(value)
        if found < at_least:
            raise ValueError(f"a duration of at least {format_duration(at_least)}")
        return found

    return Reads(read, {"type": "string", "pattern": DURATION_PATTERN})


def size(at_least: int = 0) -> Reads:
    """A size with its unit.

    Parameters:
      at_least: The smallest one allowed, in bytes.
    """

    def read(value: object) -> int:
        if not isinstance(value, str):
            raise ValueError("a size with its unit, such as 512B, 256KiB, 64MiB or 1GiB")
        found = parse_size(value)
        if found < at_least:
            raise ValueError(f"a size of at least {at_least}B")
        return found

    return Reads(read, {"type": "string", "pattern": SIZE_PATTERN})


def _rate(value: object) -> Rate:
    if not isinstance(value, str):
        raise ValueError("a rate such as 20/s, 5/30s, 100/m or 10000/h")
    return parse_rate(value)


#: ``20/s``: permits and a window.
rate = Reads(_rate, {"type": "string", "pattern": r"^[0-9]+/[0-9]*(ms|s|m|h|d)$"})


def choice(*words: str) -> Reads:
    """One of a few words."""
    expected = f"{', '.join(words[:-1])} or {words[-1]}"

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(expected)
        if value not in words:
            close = nearest(value, words)
            raise ValueError(expected, f'did you mean "{close}"?' if close else "")
        return str(value)

    return Reads(read, {"enum": list(words)})
