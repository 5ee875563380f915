"""How long an upstream asks to be left alone, from the headers of its response.

Read are, the first that says something:

- ``Retry-After``: seconds, or a date (RFC 9110, section 10.2.3);
- ``RateLimit``: ``"default";r=0;t=30``, and ``limit=10, remaining=0, reset=30`` of earlier drafts
  (draft-ietf-httpapi-ratelimit-headers); of several quotas the longest wait of those used up;
- ``RateLimit-Reset``, then ``X-RateLimit-Reset``: seconds, or seconds since 1970 as GitHub has them; passed
  over where ``…-Remaining`` beside them says that something is left.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["LONGEST", "retry_after"]

#: Seconds; who asks for more is asked again after a day.
LONGEST = 86_400.0

#: As seconds these would be 30 years, as milliseconds since 1970 the year 2001: it is a date.
_SINCE_1970, _IN_MILLISECONDS = 1e9, 1e12

_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")

_REMAINING = ("r", "remaining")
_RESET = ("t", "reset")


def retry_after(response: object) -> float | None:
    """How long the upstream asks to wait.

    Parameters:
      response: A response of httpx, requests, aiohttp or urllib, whatever has its headers in
        ``.headers``; or the headers themselves, whose names may be in any case.

    Returns:
      Seconds, 0 to a day; None when no header says it. A date is compared with the response's own
      ``Date`` where there is one, so that a wrong clock here does not matter.

    Raises:
      TypeError: When there are no headers.
    """
    headers = _headers_of(response)
    now = _instant(headers.get("date", ""))
    now = time.time() if now is None else now
    for wait in _waits(headers, now):
        if wait is not None:
            return min(max(wait, 0.0), LONGEST)
    return None


def _headers_of(response: object) -> dict[str, str]:
    headers = getattr(response, "headers", response)
    items = getattr(headers, "items", None)
    if items is None:
        raise TypeError(f"expected a response with headers, found a {type(response).__name__}")
    found: dict[str, str] = {}
    for name, value in items():
        key, text = _text(name).lower(), _text(value).strip()
        # One that is sent twice is as one with both values.
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _waits(headers: Mapping[str, str], now: float) -> Iterator[float | None]:
    yield _wait(headers.get("retry-after", ""), now)
    yield _structured(headers.get("ratelimit", ""), now)
    for prefix in ("ratelimit", "x-ratelimit"):
        left = _number(headers.get(f"{prefix}-remaining", ""))
        if not left:
            yield _wait(headers.get(f"{prefix}-reset", ""), now)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _instant(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _wait(text: str, now: float) -> float | None:
    """Seconds from now; of a header that was sent twice the longer ones."""
    numbers = [_number(part.strip()) for part in text.split(",")]
    waits = [_from_now(number, now) for number in numbers if number is not None]
    if waits and len(waits) == len(numbers):
        return max(waits)
    moment = _instant(text)
    return None if moment is None else moment - now


def _from_now(number: float, now: float) -> float:
    if number < _SINCE_1970:
        return number
    return (number / 1000 if number >= _IN_MILLISECONDS else number) - now


def _structured(text: str, now: float) -> float | None:
    """The longest wait of the quotas that are used up."""
    waits: list[float] = []
    for quota in _quotas(text):
        left = next((quota[name] for name in _REMAINING if name in quota), 0.0)
        reset = next((quota[name] for name in _RESET if name in quota), None)
        if reset is not None and not left:
            waits.append(_from_now(reset, now))
    return max(waits, default=None)


def _quotas(text: str) -> list[dict[str, float]]:
    members = [dict(_parameters(member)) for member in _parted(text, ",")]
    if any("reset" in member for member in members):
        # Earlier drafts part the parameters of their one quota by commas.
        return [{name: value for member in members for name, value in member.items()}]
    return members


def _parameters(member: str) -> Iterator[tuple[str, float]]:
    for parameter in _parted(member, ";"):
        name, _, value = parameter.partition("=")
        number = _number(value.strip())
        if number is not None:
            yield name.strip().lower(), number


def _parted(text: str, at: str) -> Iterator[str]:
    """Parts of a structured field; a quoted name may hold what parts them."""
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == at and not quoted:
            yield text[start:place]
            start = place + 1
    yield text[start:]
