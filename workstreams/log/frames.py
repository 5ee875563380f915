"""Frames on the pipe between a child and its supervisor: 4 bytes of length, then a JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from workstreams.log.lines import notice
from workstreams.log.values import cut

__all__ = ["HEADER", "MAX_FRAME", "Frame", "FrameReader", "frame_of", "line_frame"]

#: Bytes of a frame's length, big-endian.
HEADER = 4
#: Longest payload, in bytes. A longer length can only be garbage.
MAX_FRAME = 256 * 1024

Frame = dict[str, Any]


def frame_of(payload: bytes) -> bytes:
    """The payload with its length before it."""
    return len(payload).to_bytes(HEADER, "big") + payload


def line_frame(line: Mapping[str, object]) -> Frame:
    """What carries one line; the supervisor needs the workstream and the job without looking inside."""
    return {"k": "line", "ws": line.get("workstream") or "", "j": line.get("job"), "o": line}


class FrameReader:
    """Cuts one child's bytes into frames, in whatever pieces they come.

    A payload that is no frame becomes a notice (a frame of a line). A length that cannot be right means that
    nothing after it can be trusted: a notice says so and the reader is closed. Nothing raises.

    Parameters:
      identity: Fields for the notices, ``app`` and ``worker``.

    Attributes:
      closed: True once a length was corrupt; what follows is thrown away.
    """

    def __init__(self, identity: Mapping[str, object] | None = None) -> None:
        self._identity = dict(identity or {})
        self._buffer = bytearray()
        self.closed = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete."""
        if self.closed:
            return []
        self._buffer += data
        frames: list[Frame] = []
        start = 0
        while (payload := self._payload(start)) is not None:
            start += HEADER + len(payload)
            frames.append(self._frame(payload))
        del self._buffer[:start]
        return frames + self._corrupt()

    def end(self) -> int:
        """The pipe has ended: forget a torn frame and return how many bytes of it there were."""
        torn = len(self._buffer)
        self._buffer.clear()
        self.closed = True
        return torn

    def _payload(self, start: int) -> bytes | None:
        length = int.from_bytes(self._buffer[start : start + HEADER], "big")
        end = start + HEADER + length
        if len(self._buffer) < start + HEADER or length > MAX_FRAME or len(self._buffer) < end:
            return None
        return bytes(self._buffer[start + HEADER : end])

    def _corrupt(self) -> list[Frame]:
        length = int.from_bytes(self._buffer[:HEADER], "big")
        if len(self._buffer) < HEADER or length <= MAX_FRAME:
            return []
        self.end()
        fields = {"expected": f"a frame of at most {MAX_FRAME} bytes", "found": length}
        return [self._notice("pipe_corrupt", fields)]

    def _frame(self, payload: bytes) -> Frame:
        try:
            frame = orjson.loads(payload)
        except ValueError:
            frame = None
        if not _is_frame(frame):
            return self._notice("frame_unreadable", {"found": cut(repr(payload), 200)})
        return frame  # type: ignore[no-any-return]  # _is_frame has looked

    def _notice(self, event: str, fields: Mapping[str, object]) -> Frame:
        return line_frame(notice(event, {**self._identity, **fields}))


def _is_frame(frame: object) -> bool:
    if not isinstance(frame, dict) or not isinstance(frame.get("k"), str):
        return False
    if frame["k"] != "line":
        return True
    return (
        isinstance(frame.get("ws"), str)
        and isinstance(frame.get("j"), str | None)
        and isinstance(frame.get("o"), dict)
    )
