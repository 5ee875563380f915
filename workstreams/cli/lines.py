"""Reads the lines of a JSONL file as calls, one job a line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, BinaryIO

from workstreams.cli.arguments import parse_json

__all__ = ["BadLine", "Call", "read_calls"]

_ENVELOPE = {"args", "kwargs", "key", "cost"}
_BOM = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One line that says what to send.

    Attributes:
      line: Its 1-based number.
      args: Positional arguments.
      kwargs: Keyword arguments.
      key: The job's key; None leaves it to ``--key``.
      cost: What it weighs, as it stands there; None leaves it to ``--cost``.
    """

    line: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: str | None = None
    cost: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class BadLine:
    """One line that cannot be sent.

    Attributes:
      line: Its 1-based number.
      why: What was expected and found.
    """

    line: int
    why: str


def read_calls(stream: BinaryIO, longest: int) -> Iterator[Call | BadLine]:
    """Read a stream line by line; blank lines are skipped.

    Parameters:
      stream: The file.
      longest: Bytes of the longest line that is read; of a longer one only this much is held in memory.
    """
    number = 0
    while line := stream.readline(longest + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) > longest and not line.endswith(b"\n"):
            _skip_rest(stream, longest)
            yield BadLine(number, f"expected a line of at most {longest} bytes, found a longer one")
        elif line.strip():
            yield _call(number, line)


def _skip_rest(stream: BinaryIO, longest: int) -> None:
    while (rest := stream.readline(longest + 1)) and not rest.endswith(b"\n"):
        pass


def _call(number: int, line: bytes) -> Call | BadLine:
    try:
        found = parse_json(line.decode())
    except UnicodeDecodeError:
        return BadLine(number, "expected text in UTF-8, found other bytes")
    except ValueError as error:
        return BadLine(number, f"expected JSON, found something else ({error})")
    if isinstance(found, list):
        return Call(number, tuple(found), {})
    if isinstance(found, dict):
        return _of_object(number, found)
    return BadLine(number, f"expected a list or an object, found {type(found).__name__}")


def _of_object(number: int, found: dict[str, Any]) -> Call | BadLine:
    """An object with ``args`` or ``kwargs`` is a whole call, any other one the keyword arguments."""
    if not ({"args", "kwargs"} & found.keys()):
        return Call(number, (), found)
    unknown = sorted(found.keys() - _ENVELOPE)
    if unknown:
        hint = 'an actor\'s own argument of this name goes into {"kwargs": {…}}'
        return BadLine(number, f'expected only args, kwargs, key and cost, found "{unknown[0]}": {hint}')
    args, kwargs, key = found.get("args", []), found.get("kwargs", {}), found.get("key")
    if not isinstance(args, list):
        return BadLine(number, "expected args as a list, found another value")
    if not isinstance(kwargs, dict):
        return BadLine(number, "expected kwargs as an object, found another value")
    if key is not None and not isinstance(key, str):
        return BadLine(number, "expected key as text, found another value")
    return Call(number, tuple(args), kwargs, key, found.get("cost"))
