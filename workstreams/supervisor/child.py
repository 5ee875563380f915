"""One worker process as its supervisor holds it: its pipes, its session, how it was started."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from workstreams.log.frames import Frame, FrameReader
from workstreams.supervisor import statuses
from workstreams.supervisor.spec import EXIT_CONFIG, LOST, OVERDUE, VARIABLE, ChildSpec
from workstreams.supervisor.tails import Tails

__all__ = ["Child"]

#: Bytes read from a pipe in one go.
CHUNK = 1 << 16

#: Seconds that a process which is told to go has for its last words, beyond what runs in it.
LAST_WORDS = 1.5


class Child:
    """A worker process.

    Parameters:
      spec: Its orders, without the pipes, which are made here.
      app: Named in notices.

    Attributes:
      opening: Whether it has said that it opens its session: before that it holds nothing.
      ready: Whether it has said that it works.
      failed: What it said when it could not start, "" otherwise.
      failed_code: The exit code it announced with that.
      stopping: Whether it was told to end, or was killed by its supervisor.
      draining: Whether it has said that it asks for no more work.
      leaving: Whether it has said that it ends in order.
      lost_at: Monotonic seconds at which its lease was found to be lost.
      end_by: Monotonic seconds at which it is to be killed, if it is still there.
      killed: Whether its supervisor killed it.
      kill_reason: What it was made to end for, "" for nothing.
      tails: The last lines of its jobs.
      guilty: The jobs that it was made to end for, as the lease names them.
    """

    def __init__(self, spec: ChildSpec, app: str) -> None:
        log_read, log_write = os.pipe()
        output_read, output_write = os.pipe()
        control_read, self._control = os.pipe()
        self.spec = spec
        self.opening = self.ready = False
        self.failed = ""
        self.failed_code = 0
        self.stopping = False
        self.draining = False
        self.leaving = False
        self.killed = False
        self.kill_reason = ""
        self.lost_at: float | None = None
        self.end_by = math.inf
        self.guilty: frozenset[str] = frozenset()
        self.began = time.monotonic()
        self.log_fd, self.output_fd = log_read, output_read
        os.set_blocking(log_read, False)
        os.set_blocking(output_read, False)
        orders = dataclasses.replace(spec, log_fd=log_write, control_fd=control_read)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workstreams.supervisor.process"],
                env={**os.environ, VARIABLE: orders.encode()},
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                pass_fds=(log_write, control_read),
                # A session of its own: Ctrl-C in the terminal is for the supervisor.
                start_new_session=True,
            )
        except OSError:
            self.close()
            raise
        finally:
            for fd in (log_write, output_write, control_read):
                os.close(fd)
        self.name = f"{socket.gethostname()}:{self.process.pid}"
        self.tails = Tails()
        self._frames = FrameReader({"app": app, "worker": self.name})
        self._output = b""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def sid(self) -> str:
        """The session its jobs are leased to."""
        return self.spec.sid

    def read_frames(self) -> tuple[list[Frame], bool]:
        """What it wrote since, and whether its pipe has ended."""
        data, ended = _read(self.log_fd)
        return self._frames.feed(data), ended

    def read_output(self) -> tuple[list[str], bool]:
        """Whole lines that it printed since, and whether that pipe has ended."""
        data, ended = _read(self.output_fd)
        *lines, self._output = (self._output + data).split(b"\n")
        if ended and self._output:
            lines.append(self._output)
            self._output = b""
        if len(self._output) > CHUNK:
            lines.append(self._output)
            self._output = b""
        return [line.decode("utf-8", "replace") for line in lines if line.strip()], ended

    def hear(self, status: Mapping[str, Any]) -> None:
        """Note what it says of itself."""
        match status.get("state"):
            case statuses.OPENING:
                self.opening = True
            case statuses.READY:
                self.ready = True
            case statuses.DRAINING:
                self.draining = True
            case statuses.LEAVING:
                self.leaving = True
            case statuses.LEFT_BEHIND:
                self._note_loss("its lease was lost")
            case statuses.FAILED:
                self.failed, self.failed_code = str(status.get("error")), int(status.get("code", EXIT_CONFIG))

    def has_ended(self) -> bool:
        """Whether it is gone; whatever it had started in its session goes with it.

        Its number is not free for others before it is waited for, so only its own are killed.
        """
        if self.process.returncode is not None:
            return True
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()
        return True

    def tell(self, order: bytes) -> None:
        """Tell it to finish what runs and end: DRAIN within the grace, RETIRE whenever that is."""
        self.stopping = True
        self._order(order)

    def lose(self, why: str) -> None:
        """Tell it that its lease was lost, and that it must go; once is enough."""
        if self.lost_at is None:
            self._note_loss(why)
            self._order(LOST)

    def overrun(self, job: str) -> None:
        """Tell it that a job in it is past its hard bound, and that it must go for that; once is enough.

        Parameters:
          job: As the lease names it: against this one its end counts, and not against the others.
        """
        if job in self.guilty:
            return
        self.guilty |= {job}
        self.kill_reason = self.kill_reason or f"a job was past its hard bound: {job}"
        self._end_in(self.spec.overdue_grace)
        self._order(OVERDUE)

    def kill(self, reason: str) -> None:
        """End it now, with everything that it started in its session."""
        self.killed = True
        self.kill_reason = self.kill_reason or reason
        if self.process.returncode is not None:
            # Its number may be another's by now.
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _note_loss(self, why: str) -> None:
        self.lost_at, self.kill_reason = time.monotonic(), why
        self._end_in(0.0)

    def _end_in(self, seconds: float) -> None:
        self.end_by = min(self.end_by, time.monotonic() + seconds + LAST_WORDS)

    def _order(self, order: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._control, order)

    def close(self) -> None:
        """Close the pipes of a process that is gone."""
        for fd in (self.log_fd, self.output_fd, self._control):
            os.close(fd)


def _read(fd: int) -> tuple[bytes, bool]:
    """Everything that is in a pipe now, and whether its writers are gone."""
    data = bytearray()
    while len(data) < 16 * CHUNK:
        try:
            piece = os.read(fd, CHUNK)
        except BlockingIOError:
            return bytes(data), False
        if not piece:
            return bytes(data), True
        data += piece
    return bytes(data), False
