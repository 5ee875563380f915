"""What a process knows that it runs, to be compared with the leases that Redis knows."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from workstreams.admit.delivery import Grant, lease_of

__all__ = ["COMPARE", "Holdings"]

#: Seconds between two comparisons; at once after an outage, in which Redis may have forgotten its last
#: moments: a failover, or a power loss between two writes of its log.
COMPARE = 10.0


class Holdings:
    """The names of leases that were granted and have not ended; guarded by the office's lock."""

    def __init__(self) -> None:
        # Their names are put together only when they are compared.
        self._held: set[tuple[str, str, int]] = set()
        self._compare_at = time.monotonic() + COMPARE

    def begin(self, grant: Grant) -> None:
        """A grant arrived."""
        self._held.add((grant.workstream, grant.job_id, grant.delivery))

    def end(self, finish: Mapping[str, Any]) -> None:
        """It ended here; Redis may not know yet."""
        self._held.discard((finish["w"], finish["i"], finish["d"]))

    def suspect(self) -> None:
        """Redis may have forgotten something: compare with the next call."""
        self._compare_at = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the time has come to compare."""
        return now >= self._compare_at

    def to_compare(self, now: float, untold: Iterable[Mapping[str, Any]]) -> list[str] | None:
        """What runs here, if the time has come to say so.

        Parameters:
          now: Monotonic seconds.
          untold: Ends that do not ride on the call.
        """
        if not self.is_due(now):
            return None
        self._compare_at = now + COMPARE
        held = [f"{workstream}/{job_id}~{delivery}" for workstream, job_id, delivery in self._held]
        return [*held, *map(lease_of, untold)]
