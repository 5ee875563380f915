"""A child's end of the log pipe: a line is written before the call returns, or given up soon."""

from __future__ import annotations

import io
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping

from workstreams.log.frames import HEADER, MAX_FRAME, frame_of, line_frame
from workstreams.log.lines import FIELDS, notice
from workstreams.log.values import cut, encode, text_of

__all__ = ["PipeWriter"]

#: Seconds a line waits for room; a job must not be slowed by its log.
PATIENCE = 0.05
#: Room for notices besides the longest frame, in bytes.
_NOTICES = 8192


class PipeWriter:
    """Writes frames to the supervisor without ever blocking a job for long.

    Bytes that were accepted live in an ``io.BufferedWriter``, whose state changes in C only: a time limit
    raises asynchronously between two bytecodes, and may not leave half a frame that is later written twice.
    For the same reason nobody waits while holding the lock.

    Parameters:
      fd: The pipe's write end. It is made non-blocking, and closed for programs that a job starts.
      identity: Fields for the notices, ``app`` and ``worker``.
      patience: Seconds that one line waits for room.

    Attributes:
      dropped: Lines given up since the beginning.
    """

    def __init__(
        self, fd: int, *, identity: Mapping[str, object] | None = None, patience: float = PATIENCE
    ) -> None:
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)
        self._fd, self._pid = fd, os.getpid()
        self._identity, self._patience = dict(identity or {}), patience
        self._lock = threading.Lock()
        self._out = io.BufferedWriter(io.FileIO(fd, "wb", closefd=False), HEADER + MAX_FRAME + _NOTICES)
        self._missing: dict[str, int] = {}
        self._stalled = self._gone = False
        self.dropped = 0

    def line(self, line: Mapping[str, object]) -> bool:
        """Write one line; its ``workstream`` and ``job`` say where it belongs.

        Returns:
          False if it was dropped, which a later line ``lines_dropped`` then reports.
        """
        if os.getpid() != self._pid:
            # A fork shares the pipe but not the lock: its frames would land inside ours.
            sys.stderr.buffer.write(encode(line) + b"\n")
            return True
        payload = encode(line_frame(line))
        if len(payload) > MAX_FRAME:
            payload = encode(line_frame(_shortened(line, len(payload))))
        if self._write(frame_of(payload)):
            return True
        with self._lock:
            self.dropped += 1
            workstream = text_of(line.get("workstream") or "")
            self._missing[workstream] = self._missing.get(workstream, 0) + 1
        return False

    def status(self, fields: Mapping[str, object]) -> bool:
        """Write a frame ``status``; False if there was no room for it in time."""
        payload = encode({**fields, "k": "status"})
        return os.getpid() == self._pid and len(payload) <= MAX_FRAME and self._write(frame_of(payload))

    def flush(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until all that was accepted is in the pipe."""
        return self._until(self._flushed, timeout)

    def close(self, timeout: float = 1.0) -> bool:
        """Report what was dropped, flush for *timeout* seconds, and write nothing any more."""
        done = self._until(lambda: self._accept(b""), timeout) and self.flush(timeout)
        self._gone = True
        return done

    def _write(self, frame: bytes) -> bool:
        # Once a line waited in vain the next ones only look: a thousand lines must not cost a job 50 s.
        patience = 0.0 if self._stalled else self._patience
        deadline = time.monotonic() + patience
        accepted = self._until(lambda: self._accept(frame), patience)
        # A frame of which only a part fitted is completed with the next one at the latest.
        self._stalled = not (accepted and self._until(self._flushed, deadline - time.monotonic()))
        return accepted

    def _until(self, attempt: Callable[[], bool], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while not attempt():
            left = deadline - time.monotonic()
            if self._gone or left <= 0:
                return False
            self._wait_for_room(left)
        return True

    def _wait_for_room(self, seconds: float) -> None:
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT)
        try:
            poller.poll(seconds * 1000)
        except OSError:
            self._gone = True

    def _accept(self, frame: bytes) -> bool:
        with self._lock:
            if self._gone or not self._drained():
                return False
            if self._missing:
                self._out.write(self._report())
            self._out.write(frame)
            self._drained()
            return not self._gone

    def _flushed(self) -> bool:
        with self._lock:
            return self._drained()

    def _drained(self) -> bool:
        """Push what is buffered; True once nothing is."""
        try:
            self._out.flush()
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            self._gone = True  # the supervisor has closed its end, or somebody closed ours
            return False
        return True

    def _report(self) -> bytes:
        frames = b""
        for workstream, count in list(self._missing.items()):
            why = "the supervisor did not read in time"
            fields = {**self._identity, "workstream": workstream or None, "count": count, "why": why}
            frames += frame_of(encode(line_frame(notice("lines_dropped", fields))))
            del self._missing[workstream]
            if len(frames) > _NOTICES // 2:
                break  # the rest is reported with the next line
        return frames


def _shortened(line: Mapping[str, object], size: int) -> dict[str, object]:
    kept: dict[str, object] = {
        name: cut(text_of(line[name]), 1024) for name in FIELDS if line.get(name) is not None
    }
    if isinstance(line.get("attempt"), int):
        kept["attempt"] = line["attempt"]
    return kept | {"cut": f"expected at most {MAX_FRAME} bytes, found {size}"}
