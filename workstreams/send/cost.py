"""What a job weighs: one number for every limit that holds for it, or a number for each by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from workstreams.declare.config import Workstream
from workstreams.errors import PayloadError, nearest

__all__ = ["Cost", "cost_from", "cost_word"]

#: A number, or a number for each limit that is named; a limit that is not named costs 1.
Cost = float | Mapping[str, float]


def cost_word(cost: Any, workstream: Workstream) -> int | float | str:
    """A cost as the scripts take it.

    Parameters:
      cost: What the sender or the actor said.
      workstream: Where the job is to wait; its own name and those in ``within`` may be named.

    Returns:
      A number, or a JSON object of numbers.

    Raises:
      PayloadError: When it has no meaning, or names a limit that does not hold there.
    """
    if not isinstance(cost, Mapping):
        return _number(cost)
    known = (workstream.name, *workstream.within)
    for name, value in cost.items():
        if name not in known:
            raise _unknown(name, known, workstream.name)
        if not _is_number(value) or value < 0:
            raise PayloadError(f'expected a cost for "{name}" that is a number of 0 or more, found {value!r}')
    if not cost:
        return 1
    return orjson.dumps(dict(cost), option=orjson.OPT_SORT_KEYS).decode()


def cost_from(word: bytes | None) -> Cost:
    """Read a cost back from a job's record; 1 where none stands, or nothing that could be one."""
    try:
        found = orjson.loads(word or b"1")
    except orjson.JSONDecodeError:
        return 1.0
    if isinstance(found, dict):
        return {name: float(value) for name, value in found.items() if _is_number(value)} or 1.0
    return float(found) if _is_number(found) and found > 0 else 1.0


def _number(cost: Any) -> int | float:
    if not _is_number(cost) or cost <= 0:
        raise PayloadError(
            f'expected a cost that is a number above 0, or a number for each limit as in {{"tokens": 1200}}, '
            f"found {cost!r}"
        )
    number: int | float = cost
    return number


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _unknown(name: object, known: tuple[str, ...], workstream: str) -> PayloadError:
    close = nearest(str(name), known)
    hint = f' (did you mean "{close}"?)' if close else ""
    return PayloadError(
        f'expected costs for limits that hold for "{workstream}", found "{name}"{hint}: '
        f"these hold: {', '.join(known)}"
    )
