"""The first ticks of a schedule of every minute."""

from __future__ import annotations

from tests.schedule.conftest import SECOND

#: Ticks of a minute after the clock's beginning, which is 20 s past one.
FIRST, SECOND_TICK, THIRD = "2023-11-14T22:14:00Z", "2023-11-14T22:15:00Z", "2023-11-14T22:16:00Z"
TO_FIRST = 40 * SECOND
