"""Sends the calls of a file in batches: every good line once, every bad one reported by its number."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from workstreams.cli.failures import misuse
from workstreams.cli.lines import BadLine, Call, read_calls
from workstreams.cli.screen import note
from workstreams.errors import PayloadError, WorkstreamsError

if TYPE_CHECKING:
    from workstreams.send.order import Order

__all__ = ["Bulk", "opened", "progress"]

#: A character takes up to six in JSON, and a call has names and brackets around its payload.
_WORST_ESCAPE, _AROUND = 6, 4096


class Bulk:
    """One run over a file.

    Parameters:
      order: Makes an order of a call, or raises PayloadError.
      send: Sends orders, in batches of at most *batch*, each of them all or none.
      batch: Orders in one call.

    Attributes:
      sent: Jobs that Redis has for certain.
      bad: Lines that were not sent because of what they say.
      last: The line of the last job that Redis has for certain.
    """

    def __init__(
        self, order: Callable[[Call], Order], send: Callable[[list[Order]], object], batch: int
    ) -> None:
        self._order, self._send, self._batch = order, send, batch
        self._pending: list[tuple[int, Order]] = []
        self.sent = self.bad = self.last = 0

    def run(self, stream: BinaryIO, max_payload: int, advance: Callable[[int], object]) -> None:
        """Send all of a file.

        Parameters:
          stream: The file.
          max_payload: Bytes that one job may have.
          advance: Told after each batch how many jobs were sent.

        Raises:
          WorkstreamsError: When a batch could not be sent; says from which line on.
        """
        for found in read_calls(stream, _WORST_ESCAPE * max_payload + _AROUND):
            self._take(found)
            if len(self._pending) == self._batch:
                self._flush(advance)
        self._flush(advance)

    def _take(self, found: Call | BadLine) -> None:
        if isinstance(found, Call):
            try:
                self._pending.append((found.line, self._order(found)))
                return
            except PayloadError as error:
                found = BadLine(found.line, str(error))
        self.bad += 1
        note(f"line {found.line}: {found.why}")

    def _flush(self, advance: Callable[[int], object]) -> None:
        if not self._pending:
            return
        try:
            self._send([order for _, order in self._pending])
        except WorkstreamsError as error:
            self._say_where(error)
            raise
        self.sent += len(self._pending)
        self.last = self._pending[-1][0]
        self._pending = []
        advance(self.sent)

    def _say_where(self, error: WorkstreamsError) -> None:
        first, last = self._pending[0][0], self._pending[-1][0]
        said = f"stopped: {self.sent} jobs are sent, "
        if error.in_doubt:
            # A reply that was lost may have been a yes, and a batch goes all or not at all.
            lines = f"line {first}" if first == last else f"lines {first} to {last}"
            look = f"`workstreams job show {error.in_doubt[0].id}`"
            note(f"{said}those of {lines} may be (look with {look}), those after line {last} are not")
        else:
            note(f"{said}those of line {first} and after it are not")


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file, or stdin for ``-``.

    Raises:
      ConfigError: When it cannot be read.
    """
    try:
        if path == "-":
            yield sys.stdin.buffer
            return
        with open(path, "rb") as stream:
            yield stream
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        found = getattr(error, "strerror", None) or str(error)
        raise misuse("--jsonl", "a file that can be read", path, str(found).lower()) from None


@contextlib.contextmanager
def progress(stream: BinaryIO) -> Iterator[Callable[[int], object]]:
    """A progress bar on stderr if that is a terminal; yields what it is told how many jobs are sent."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("sending"),
        BarColumn(),
        TextColumn("{task.fields[sent]} jobs"),
        TimeElapsedColumn(),
    )
    size = _size(stream)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=size, sent=0)
        yield lambda sent: bar.update(task, completed=stream.tell() if size else 0, sent=sent)


def _size(stream: BinaryIO) -> int | None:
    """Bytes of a file; None for a pipe, which has no end to speak of."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
