"""Prints lines, and the events that the scripts write about this supervisor's processes.

Printing must not slow the work: it reads at most so many events in a while, and says how
many it passed over. ``workstreams tail`` shows them all.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from queue import Full, Queue
from typing import Any, TextIO, cast

import redis

from workstreams.log.lines import LEVELS, line_of, notice
from workstreams.log.render import renderer
from workstreams.log.streams import Entry, told
from workstreams.store.keys import Keys

__all__ = ["Echo", "Printer"]

#: Entries read in one go, each with the events of one call; events printed of them, and the pause after so
#: many: about 2,000 a second at most.
ENTRIES = 100
BATCH = 500
PAUSE = 0.25
#: Lines that wait for a slow terminal at most.
MOST_WAITING = 10_000

#: Milliseconds that one read waits: how soon a stop is noticed.
BLOCK = 500


class Printer:
    """Writes lines to a stream, from a thread of its own: a terminal that is held, or a reader
    that is slow, holds nobody up.

    Parameters:
      stream: Where to.
      form: json, pretty or auto.
      level: The least level that is written.
      quiet: Whether nothing is written at all, because something else owns the screen.
    """

    def __init__(self, stream: TextIO, form: str, level: str, *, quiet: bool = False) -> None:
        self._stream = stream
        self._form = ""
        self.adopt(form, level)
        self._quiet = quiet
        self._lines: Queue[Mapping[str, Any] | None] = Queue(MOST_WAITING)
        self._missed = 0
        self._thread = threading.Thread(target=self._run, name="workstreams-printer", daemon=True)
        self._thread.start()

    def adopt(self, form: str, level: str) -> None:
        """Write lines in another form, or from another level on, from now on."""
        if form != self._form:
            self._form, self._render = form, renderer(self._stream, form)
        self._weight = LEVELS[level]

    def __call__(self, line: Mapping[str, Any]) -> None:
        if self._quiet or LEVELS.get(str(line.get("level")), 20) < self._weight:
            return
        try:
            self._lines.put_nowait(line)
        except Full:
            self._missed += 1

    def close(self, timeout: float = 1.0) -> None:
        """Write what waits, for at most *timeout* seconds."""
        try:
            self._lines.put(None, timeout=timeout)
        except Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            missed, self._missed = self._missed, 0
            text = self._text(line)
            if missed:
                text += self._text(notice("lines_not_printed", {"count": missed}))
            try:
                self._stream.write(text)
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                # Whoever read this is gone, or the disk is full; the work goes on, and Redis has the lines.
                self._quiet = True
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def _text(self, line: Mapping[str, Any]) -> str:
        try:
            return self._render(line) + "\n"
        except Exception as error:
            # Without this thread nothing would be printed any more.
            return self._render(notice("line_not_printed", {"why": repr(error)})) + "\n"


class Echo(threading.Thread):
    """Follows the workstreams' events from now on.

    Parameters:
      connect: Makes a client whose reads may block.
      keys: The app's keys.
      workstreams: Whose events.
      mine: Whether the events of a worker of that name are to be shown, and with "" those of none.
      show: Takes a line.
    """

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        keys: Keys,
        workstreams: Sequence[str],
        mine: Callable[[str], bool],
        show: Callable[[Mapping[str, Any]], None],
    ) -> None:
        super().__init__(name="workstreams-echo", daemon=True)
        self._connect = connect
        self._app = keys.app
        self._names = {keys.workstream(name, "log").encode(): name for name in workstreams}
        self._mine = mine
        self._show = show
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except redis.RedisError:
                self._stopped.wait(PAUSE)
            except Exception:
                # Without this thread no event would be shown any more.
                logging.getLogger("workstreams").exception("echo_failed")
                self._stopped.wait(PAUSE)

    def stop(self) -> None:
        """Stop printing events; returns at once."""
        self._stopped.set()

    def _follow(self) -> None:
        with self._connect() as client:
            seen: dict[bytes, bytes] = {key: self._newest(client, key) for key in self._names}
            while not self._stopped.is_set():
                printed: Counter[bytes] = Counter()
                while not self._stopped.is_set() and not self._print_some(client, seen, printed):
                    pass
                self._stopped.wait(PAUSE)

    def _print_some(self, client: redis.Redis, seen: dict[bytes, bytes], printed: Counter[bytes]) -> bool:
        """Print what comes next; returns whether so much was printed since the last pause that one is due."""
        full = False
        streams: Any = seen  # redis-py's keys and values are invariant
        reply: Any = client.xread(streams, count=ENTRIES, block=BLOCK)
        for key, entries in reply or []:
            if self._print_all(key, entries, seen, printed):
                self._pass_over(client, key, seen)
                full = True
            elif len(entries) < ENTRIES:
                printed[key] = 0
        return full

    def _print_all(
        self, key: bytes, entries: Sequence[Entry], seen: dict[bytes, bytes], printed: Counter[bytes]
    ) -> bool:
        """Print entries; returns whether a pause is due, be they all printed or not."""
        for entry in entries:
            for entry_id, _, fields in told([entry]):
                self._print(entry_id, fields, self._names[key])
                printed[key] += 1
            seen[key] = entry[0]
            if printed[key] >= BATCH:
                return True
        return False

    def _newest(self, client: redis.Redis, key: bytes) -> bytes:
        newest = cast("list[tuple[bytes, object]]", client.xrevrange(key, count=1))
        return newest[0][0] if newest else b"0-0"

    def _pass_over(self, client: redis.Redis, key: bytes, seen: dict[bytes, bytes]) -> None:
        newest = self._newest(client, key)
        behind = (int(newest.split(b"-")[0]) - int(seen[key].split(b"-")[0])) / 1000
        if behind > 2 * PAUSE:
            note = {"level": "info", "event": "events_not_printed", "workstream": self._names[key]}
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
            self._show(
                {"ts": stamp, **note, "seconds": round(behind, 1), "hint": "workstreams tail shows them"}
            )
            seen[key] = newest

    def _print(self, entry_id: bytes, fields: Mapping[bytes, bytes], workstream: str) -> None:
        # Lines that jobs wrote came through the pipe and were printed then.
        if b"p" not in fields:
            return
        line = line_of(entry_id, fields, self._app, workstream)
        if self._mine(line["worker"] or ""):
            self._show(line)
