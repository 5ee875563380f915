"""Job ids: UUID version 7 as text, so that ids sort by the time they were made."""

from __future__ import annotations

import os
import time
import uuid

__all__ = ["created_us", "new_id"]

_NS_PER_MS = 1_000_000


def new_id() -> str:
    """Make an id that sorts after those made earlier on this machine.

    The 12 bits behind the milliseconds carry their fraction (RFC 9562, section 6.2,
    method 3): steps of 244 ns, shorter than making an id takes.

    Returns:
      36 characters.
    """
    milliseconds, rest = divmod(time.time_ns(), _NS_PER_MS)
    fraction = (rest << 12) // _NS_PER_MS
    stamp = milliseconds << 16 | 0x7000 | fraction
    noise = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    text = f"{stamp:016x}{noise:x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def created_us(job_id: str) -> int | None:
    """The µs since 1970 at which an id was made, or None if it is not a version 7 UUID."""
    try:
        parsed = uuid.UUID(job_id)
    except ValueError:
        return None
    if parsed.version != 7:
        return None
    fraction = (parsed.int >> 64) & 0xFFF
    return (parsed.int >> 80) * 1000 + (fraction * 1000 >> 12)
