"""The last lines of each job that runs in a process, for when it does not live to tell more."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

import orjson

from workstreams.log.values import cut, encode, text_of

__all__ = ["LINES", "Tails"]

#: Lines that are kept of a job, bytes of each, and jobs of a process: what runs is among the last ones.
LINES, LONGEST, JOBS = 20, 1000, 64


class Tails:
    """The last lines of one process, by job."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, deque[bytes]] = OrderedDict()
        self._output: deque[bytes] = deque(maxlen=LINES)

    def put(self, workstream: str, job: str, line: Mapping[str, Any]) -> None:
        """Keep a line that a job wrote."""
        name = f"{workstream}/{job}"
        if name not in self._jobs and len(self._jobs) >= JOBS:
            self._jobs.popitem(last=False)
        self._jobs.setdefault(name, deque(maxlen=LINES)).append(_bounded(line))
        self._jobs.move_to_end(name)

    def put_output(self, line: Mapping[str, Any]) -> None:
        """Keep a line that was printed, by whichever job: the interpreter's last words are among them."""
        self._output.append(_bounded(line))

    def of(self, name: str) -> list[str]:
        """The last lines of a job and then what the process printed last, each as JSON.

        Parameters:
          name: ``workstream/id``.
        """
        return [line.decode() for line in (*self._jobs.get(name, ()), *self._output)]


def _bounded(line: Mapping[str, Any]) -> bytes:
    whole = encode(line)
    if len(whole) <= LONGEST:
        return whole
    short = {name: text_of(line.get(name) or "") for name in ("ts", "level")}
    said = cut(text_of(line.get("text") or line.get("event") or ""), LONGEST // 2)
    return orjson.dumps({**short, "event": said, "cut": f"{len(whole)} bytes"})
