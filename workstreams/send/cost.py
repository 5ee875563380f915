"""What a job weighs: one number for every limit that holds for it, or a number for each by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from workstreams.declare.config import Workstream
from workstreams.errors import PayloadError, nearest

__all__ = ["Cost", "charge_word", "cost_from", "cost_of", "cost_word", "on"]

#: A number, or a number for each limit that is named; a limit that is not named costs 1.
Cost = float | Mapping[str, float]

#: No larger whole number travels as JSON here; the scripts count far less than that.
LARGEST = 2**63 - 1


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
    return cost_of(cost, workstream.name, (workstream.name, *workstream.within))


def cost_of(cost: Any, place: str, known: tuple[str, ...]) -> int | float | str:
    """A cost as the scripts take it, for whatever is held by limits.

    Parameters:
      cost: What was said.
      place: What it is a cost for, by name.
      known: The limits that hold there.

    Returns:
      A number, or a JSON object of numbers.

    Raises:
      PayloadError: When it has no meaning, or names a limit that does not hold there.
    """
    if not isinstance(cost, Mapping):
        return _number(cost)
    return _map(cost, place, known) if cost else 1


def charge_word(cost: Any, workstream: Workstream) -> int | float | str:
    """What a running job adds to its cost, as the scripts take it; a limit that is not named gets nothing.

    Raises:
      PayloadError: When it has no meaning, is below 0, or names a limit that does not hold there.
    """
    if isinstance(cost, Mapping):
        return _map(cost, workstream.name, (workstream.name, *workstream.within))
    if not _is_number(cost) or cost < 0:
        raise PayloadError(
            f"expected a charge that is a number of 0 or more, or one for each limit as in "
            f'{{"tokens": 1200}}, found {cost!r}'
        )
    number: int | float = cost
    return number


def cost_from(word: bytes | None) -> Cost:
    """Read a cost back from a job's record; 1 where none stands, or nothing that could be one."""
    try:
        found = orjson.loads(word or b"1")
    except orjson.JSONDecodeError:
        return 1.0
    if isinstance(found, dict):
        return {name: float(value) for name, value in found.items() if _is_number(value)} or 1.0
    return float(found) if _is_number(found) and found > 0 else 1.0


def on(cost: Cost, limit: str) -> float:
    """What a job weighs against one limit; 1 where it is not named."""
    return cost.get(limit, 1.0) if isinstance(cost, Mapping) else cost


def _number(cost: Any) -> int | float:
    if not _is_number(cost) or cost <= 0:
        raise PayloadError(
            f'expected a cost that is a number above 0, or a number for each limit as in {{"tokens": 1200}}, '
            f"found {cost!r}"
        )
    number: int | float = cost
    return number


def _map(cost: Mapping[Any, Any], place: str, known: tuple[str, ...]) -> str:
    for name, value in cost.items():
        if name not in known:
            raise _unknown(name, known, place)
        if not _is_number(value) or value < 0:
            raise PayloadError(f'expected a cost for "{name}" that is a number of 0 or more, found {value!r}')
    return orjson.dumps(dict(cost), option=orjson.OPT_SORT_KEYS).decode()


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST


def _unknown(name: object, known: tuple[str, ...], place: str) -> PayloadError:
    close = nearest(str(name), known)
    hint = f' (did you mean "{close}"?)' if close else ""
    return PayloadError(
        f'expected costs for limits that hold for "{place}", found "{name}"{hint}: '
        f"these hold: {', '.join(known)}"
    )
