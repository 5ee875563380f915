"""Append-only notes: one line in one write, so that lines of many processes never mix."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["JOURNAL", "RECEIVER", "Notes", "Tail", "now_us", "read_words"]

#: The environment variables that say where jobs note and whom they call.
JOURNAL, RECEIVER = "CHAOS_JOURNAL", "CHAOS_RECEIVER"


def now_us() -> int:
    """µs since 1970 by this machine's clock, which is Redis's clock too."""
    return time.time_ns() // 1000


class Notes:
    """A file that many processes append lines to.

    Parameters:
      path: The file; it is made if it is not there.
    """

    def __init__(self, path: Path | str) -> None:
        # O_APPEND moves to the end and writes in one step, whoever else writes.
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, *words: object) -> None:
        """Append one line."""
        self.write_many([words])

    def write_many(self, lines: Iterable[Iterable[object]]) -> None:
        """Append lines, all of them in one write."""
        text = "".join(" ".join(map(str, words)) + "\n" for words in lines)
        os.write(self._fd, text.encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Tail:
    """Reads what was appended to a file since the last look.

    Parameters:
      path: The file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> bytes:
        """Whole lines that are new."""
        if not self._path.exists():
            return b""
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            data = stream.read()
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        return data


def read_words(path: Path) -> Iterator[list[str]]:
    """The words of each whole line; a file that is not there has none."""
    for line in Tail(path).read().decode().splitlines():
        yield line.split()
