"""How far a job is, as it last said itself.

Progress is a line of the job's log, which leaves by the pipe that all its lines take: reporting it costs
the job no call of Redis, and where lines are lost it is lost as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workstreams.log.lines import line_of
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["EVENT", "last_progress", "progress_among"]

#: The event of such a line.
EVENT = "progress"

#: Lines looked at from the newest back, in steps of so many.
_STEP, _STEPS = 20, 5


def last_progress(link: Link, workstream: str, job_id: str) -> Mapping[str, Any] | None:
    """What a job last said of its progress, among its newest hundred lines.

    Parameters:
      link: Where they are.
      workstream: Its workstream.
      job_id: The job.

    Returns:
      ``fraction``, ``step`` and ``at``, or None.
    """
    with readable(link):
        for step in range(_STEPS):
            lines = _lines(link, workstream, job_id, step * _STEP)
            found = progress_among(lines)
            if found is not None or len(lines) < _STEP:
                return found
    return None


def progress_among(lines: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The progress that the last of these lines tells."""
    last = None
    for line in lines:
        if line["event"] == EVENT and isinstance(line.get("fraction"), int | float):
            last = line
    if last is None:
        return None
    return {"fraction": last["fraction"], "step": last.get("step"), "at": last["ts"]}


def _lines(link: Link, workstream: str, job_id: str, skip: int) -> list[dict[str, Any]]:
    client, keys = link.scripts.client, link.keys
    index = keys.workstream(workstream, "lines", job_id)
    ids: Any = client.lrange(index, -skip - _STEP, -skip - 1)
    if not ids:
        return []
    pipe = client.pipeline(transaction=False)
    for stream_id in ids:
        pipe.xrange(keys.workstream(workstream, "log"), stream_id, stream_id)
    found = [entry for entries in pipe.execute() for entry in entries]
    return [line_of(stream_id, fields, keys.app, workstream) for stream_id, fields in found]
