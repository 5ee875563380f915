"""The session's own processes beside the fleet: proxy, receiver and producer."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Helper", "Helpers"]

#: Seconds for one to end.
END = 20.0


class Helper:
    """A process that is told lines, and answers each with one; it ends when its input does.

    Parameters:
      process: With both of its ends piped.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._tell, self._answers = process.stdin, process.stdout

    def answer(self) -> str:
        """Its next line; "" when it has ended."""
        return self._answers.readline().decode().strip()

    def order(self, text: str) -> None:
        """Tell it something, and wait until it says that it is done."""
        self._tell.write(f"{text}\n".encode())
        self._tell.flush()
        self.answer()

    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self.process.poll() is not None

    def end(self) -> None:
        """End its input, and wait for it."""
        with contextlib.suppress(OSError):
            self._tell.close()
        self.process.wait(END)


class Helpers:
    """Starts them.

    Parameters:
      folder: Where their errors are kept.
      environ: Their environment.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder, self._environ = folder, environ
        self._started: list[Helper] = []

    def start(self, module: str, *arguments: object) -> Helper:
        """Start ``python -m tests.chaos.<module>``."""
        with (self._folder / f"{module}.out").open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", f"tests.chaos.{module}", *map(str, arguments)],
                cwd=Path(__file__).parents[2],
                env=dict(self._environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._started.append(Helper(process))
        return self._started[-1]

    def close(self) -> None:
        """Wait for all that were killed."""
        for helper in self._started:
            helper.process.wait(END)
