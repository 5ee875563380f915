"""What asks a supervisor for its end, as something a select loop can wait for."""

from __future__ import annotations

import contextlib
import signal
import socket
from types import FrameType

__all__ = ["Asks", "Signals"]


class Asks:
    """Counts who asks for the end, and makes a socket readable for each.

    The first asks for an orderly stop, the second for an end at once.
    """

    def __init__(self) -> None:
        # Not a pipe: a closed socket refuses to be written to, where the number of a closed pipe may
        # be another file by the time that a thread which ends late writes to it.
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self.fd = self._read.fileno()
        self.count = 0

    def ask(self, times: int = 1) -> None:
        """Ask as a first signal does, or as so many."""
        self.count = max(self.count, times)
        self.poke()

    def poke(self) -> None:
        """Wake the loop."""
        # A full buffer has enough to wake up for, and a closed one nobody who sleeps.
        with contextlib.suppress(OSError):
            self._write.send(b".")

    def clear(self) -> None:
        """Forget that it was woken."""
        with contextlib.suppress(BlockingIOError):
            self._read.recv(4096)

    def close(self) -> None:
        """Let nobody ask any longer."""
        self._read.close()
        self._write.close()


class Signals(Asks):
    """Asks at each TERM, INT and HUP of this process."""

    def __init__(self) -> None:
        super().__init__()
        heard = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # A terminal that is closed; under nohup it is ignored and stays so.
            heard.append(signal.SIGHUP)
        self._before = {one: signal.signal(one, self._handle) for one in heard}

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self.count += 1
        self.poke()

    def close(self) -> None:
        """Give the signals back."""
        for one, handler in self._before.items():
            signal.signal(one, handler)
        super().close()
