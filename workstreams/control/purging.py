"""Empties a workstream of the jobs in one state."""

from __future__ import annotations

from workstreams.control.calling import BATCH, call
from workstreams.store.link import Link

__all__ = ["PURGEABLE", "purge"]

#: States of jobs that can be purged; those that run are cancelled one by one.
PURGEABLE = ("waiting", "scheduled", "dead")


def purge(link: Link, workstream: str, state: str) -> int:
    """Discard the jobs that are in a state, in batches; as many as there are at the first.

    What arrives meanwhile may be among them, but the purge ends however much arrives. A purged job is
    found as ``discarded`` for as long as finished jobs are kept, and each batch is an event with its count.

    Parameters:
      link: Where they are.
      workstream: Whose.
      state: One of ``PURGEABLE``.

    Returns:
      How many were discarded.
    """
    purged, left = _purge_batch(link, workstream, state, BATCH)
    while left > 0:
        gone, there = _purge_batch(link, workstream, state, min(BATCH, left))
        purged += gone
        left = min(left - BATCH, there)
    return purged


def _purge_batch(link: Link, workstream: str, state: str, most: int) -> tuple[int, int]:
    gone, left = call(link, "purge", {"workstream": workstream, "state": state, "most": most})
    return int(gone), int(left)
