"""Signals as something a select loop can wait for."""

from __future__ import annotations

import os
import signal
from types import FrameType

__all__ = ["Signals"]


class Signals:
    """Counts TERM, INT and HUP, and makes a pipe readable for each.

    The first asks for an orderly stop, the second for an end at once.
    """

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self.count = 0
        heard = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # A terminal that is closed; under nohup it is ignored and stays so.
            heard.append(signal.SIGHUP)
        self._before = {one: signal.signal(one, self._handle) for one in heard}

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.count += 1
        self.poke()

    def ask(self) -> None:
        """Ask for an orderly stop, as a first signal does."""
        self.count = max(self.count, 1)
        self.poke()

    def poke(self) -> None:
        """Wake the loop."""
        try:
            os.write(self._write, b".")
        except BlockingIOError:
            # The pipe is full: the loop has enough to wake up for.
            return

    def clear(self) -> None:
        """Forget that it was woken."""
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Give the signals back."""
        for one, handler in self._before.items():
            signal.signal(one, handler)
        os.close(self.fd)
        os.close(self._write)
