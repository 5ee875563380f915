"""Processes that are killed at a chosen call to Redis: between two calls, or while one is under way."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, Literal

from redis.connection import AbstractConnection

__all__ = ["Point", "Post", "Role", "count_calls", "die_in_turn", "run", "spared"]

#: What a connection says of itself when it is made; none of our calls.
GREETING = (b"CLIENT", b"HELLO", b"SELECT", b"AUTH")

#: A server process that has loaded everything, and forks: a fresh interpreter for each point would take
#: a hundred times as long.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.promises.roles"])

_here = threading.local()


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """Where a process ends.

    Attributes:
      call: Which of its calls to Redis, from 1.
      side: Before it is sent, or after it was sent and before anything of its reply is read.
      command: Only calls of this command count; all do where it is empty.
    """

    call: int
    side: Literal["before", "after"]
    command: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Post:
    """Where a process works.

    Attributes:
      url: The server.
      app: The namespace.
      folder: For its output and its journal.
    """

    url: str
    app: str
    folder: Path

    def note(self, *words: object) -> None:
        """Write one line that survives a kill, in one piece."""
        journal = os.open(self.folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(journal, " ".join(map(str, words)).encode() + b"\n")
        os.close(journal)

    def noted(self, what: str) -> list[str]:
        """The second words of the lines that begin with this one."""
        journal = self.folder / "journal"
        lines = journal.read_text().splitlines() if journal.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == what]


Role = Callable[[Post], None]
_Process = multiprocessing.context.ForkServerProcess

#: Seconds after which one of several processes must have ended.
PATIENCE = 30.0


@contextlib.contextmanager
def spared() -> Iterator[None]:
    """What this thread asks of Redis in this block is the test's business, and is no call."""
    _here.spared = True
    try:
        yield
    finally:
        _here.spared = False


def run(role: Role, posts: Sequence[tuple[Post, Point | None]], at_once: int) -> list[bool]:
    """Run processes to their ends.

    Parameters:
      role: What each does.
      posts: Where, and at which point it is killed; None to let it live.
      at_once: How many run at the same time.

    Returns:
      Whether each was killed at its point.
    """
    processes = [_CONTEXT.Process(target=_enter, args=(role, *post), daemon=True) for post in posts]
    try:
        _run(processes, at_once)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
    for process, (post, point) in zip(processes, posts, strict=True):
        if process.exitcode not in (0, -signal.SIGKILL):
            output = (post.folder / "output").read_text()
            raise AssertionError(
                f"{role.__name__} at {point} ended with {process.exitcode}: {output[-3000:]}"
            )
    return [process.exitcode != 0 for process in processes]


def _run(processes: Sequence[_Process], at_once: int) -> None:
    """From one thread: the processes of a module are looked after by whichever thread starts another."""
    waiting, running = list(processes), list[_Process]()
    while waiting or running:
        while waiting and len(running) < at_once:
            running.append(waiting.pop(0))
            running[-1].start()
        assert connection.wait([one.sentinel for one in running], PATIENCE), "a process does not end"
        running = [one for one in running if one.exitcode is None]


def count_calls(role: Role, post: Post, command: str = "") -> int:
    """How many calls a process makes that nobody kills, of one command or of all."""
    assert run(role, [(post, Point(0, "before", command))], 1) == [False]
    return int(post.noted("calls")[-1])


def die_in_turn(folder: Path, last: int) -> None:
    """Let this process die at a call that no process of this folder died at before.

    Parameters:
      folder: Where they agree on whose turn it is.
      last: How many die; those that come later live.
    """
    for turn in range(last):
        with contextlib.suppress(FileExistsError):
            (folder / f"turn-{turn}").touch(exist_ok=False)
            _Calls(Point(turn // 2 + 1, "after" if turn % 2 else "before"))
            return


def _enter(role: Role, post: Post, point: Point | None) -> None:
    output = os.open(post.folder / "output", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    calls = _Calls(point or Point(0, "before"))
    role(post)
    post.note("calls", calls.made)
    # Whatever threads are left are of no interest.
    os._exit(0)


class _Calls:
    """Counts this process's calls, and ends it at one of them."""

    def __init__(self, point: Point) -> None:
        self._point, self._mutex, self.made = point, threading.Lock(), 0
        self._send: Callable[..., Any] = AbstractConnection.send_packed_command
        calls = self

        def send(connection: Any, command: Any, check_health: bool = True) -> None:
            calls.send(connection, command, check_health)

        AbstractConnection.send_packed_command = send  # type: ignore[method-assign]  # in its own process

    def send(self, connection: Any, command: Any, check_health: bool) -> None:
        if not connection.is_connected:
            # Its greeting is not this call.
            connection.connect()
        if not self._counts(command):
            self._send(connection, command, check_health)
            return
        with self._mutex:
            self.made += 1
            number = self.made
        self._end_at(number, "before")
        self._send(connection, command, check_health)
        self._end_at(number, "after")

    def _counts(self, command: Any) -> bool:
        start = (command if isinstance(command, bytes) else command[0])[:30]
        greets = any(word in start for word in GREETING)
        return not (greets or getattr(_here, "spared", False)) and self._point.command.encode() in start

    def _end_at(self, number: int, side: str) -> None:
        if (self._point.call, self._point.side) == (number, side):
            os.kill(os.getpid(), signal.SIGKILL)
