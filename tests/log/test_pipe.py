from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import itertools
import os
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.log.servers import wait_until
from workstreams.log.frames import MAX_FRAME, Frame, FrameReader, frame_of, line_frame
from workstreams.log.pipe import PipeWriter
from workstreams.log.values import encode

CHILD = """
import sys
from tests.log.test_pipe import tick
from workstreams.log.pipe import PipeWriter
writer = PipeWriter(int(sys.argv[1]), patience=60.0)
number = 0
while True:
    writer.line(tick(number))
    number += 1
"""


def tick(number: int) -> dict[str, object]:
    """What the child writes."""
    return {"event": "tick", "number": number, "workstream": "mail", "filler": "x" * 9000}


def ends_within_a_frame(written: int) -> bool:
    """Whether so many bytes of the child's end in the middle of a frame."""
    for number in itertools.count():
        written -= len(frame_of(encode(line_frame(tick(number)))))
        if written <= 0:
            return written < 0
    raise AssertionError


class Pipe:
    """A pipe whose reading end a test drains when it likes."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        os.set_blocking(self.read_end, False)
        self.frames = FrameReader()
        self.taken = 0

    def read(self, seconds: float) -> list[Frame]:
        """What comes with the next read, for which it waits so long."""
        if not select.select([self.read_end], [], [], seconds)[0]:
            return []
        data = os.read(self.read_end, 65536)
        self.taken += len(data)
        return self.frames.feed(data)

    def drain(self) -> list[Frame]:
        """All that is in the pipe now."""
        received: list[Frame] = []
        while self._waiting():
            received += self.read(0)
        return received

    @property
    def written(self) -> int:
        """Bytes that were read, or can be."""
        return self.taken + self._waiting()

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits: a writer that is merely slow does not look like one that is held."""
        return not select.select([], [self.write_end], [], 0)[1]

    def _waiting(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self.read_end, termios.FIONREAD, count)
        return count[0]

    def close(self) -> None:
        for end in (self.read_end, self.write_end):
            try:
                os.close(end)
            except OSError:
                continue


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def fill(writer: PipeWriter, **fields: object) -> int:
    """Write until there is no room; returns how many lines were taken."""
    taken = 0
    while writer.line({"event": "filler", "text": "x" * 1000, **fields}):
        taken += 1
    return taken


def events(frames: list[Frame]) -> list[Any]:
    return [frame["o"]["event"] for frame in frames]


def test_a_line_is_in_the_pipe_when_the_call_returns(pipe: Pipe) -> None:
    line = {"event": "hello", "workstream": "mail", "job": "j1", "to": "a"}
    assert PipeWriter(pipe.write_end).line(line)
    assert pipe.drain() == [{"k": "line", "ws": "mail", "j": "j1", "o": line}]


def test_a_status_frame_goes_out_as_it_is(pipe: Pipe) -> None:
    assert PipeWriter(pipe.write_end).status({"running": 3})
    assert pipe.drain() == [{"running": 3, "k": "status"}]


def test_lines_written_before_a_kill_survive(pipe: Pipe) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(pipe.write_end)], pass_fds=[pipe.write_end])
    received: list[Frame] = []
    # Nobody reads then, so the child is killed with a pipe that is full, in the middle of a frame.
    while len(received) < 50 or not ends_within_a_frame(pipe.written):
        received += pipe.read(1.0)
        wait_until(lambda: pipe.is_full)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    received += pipe.drain()
    assert [frame["o"]["number"] for frame in received] == list(range(len(received)))
    assert len(received) > 50
    assert pipe.frames.end() > 0


def test_a_full_pipe_costs_a_line_its_patience_once_and_then_nothing(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end)
    begun = time.monotonic()
    fill(writer)
    assert time.monotonic() - begun >= 0.05
    begun = time.monotonic()
    for _ in range(200):
        assert not writer.line({"event": "lost"})
    assert time.monotonic() - begun < 1.0
    assert writer.dropped == 201


def test_the_number_of_dropped_lines_is_reported_when_there_is_room_again(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end, identity={"worker": "host:1"})
    taken = fill(writer, workstream="mail")
    for _ in range(4):
        writer.line({"event": "lost", "workstream": "mail"})
    writer.line({"event": "lost", "workstream": "sms"})
    received = pipe.drain()
    assert writer.line({"event": "after", "workstream": "mail"})
    assert writer.flush(1.0)
    received += pipe.drain()
    assert events(received) == ["filler"] * taken + ["lines_dropped", "lines_dropped", "after"]
    reports = {frame["ws"]: frame["o"] for frame in received if frame["o"]["event"] == "lines_dropped"}
    assert {name: report["count"] for name, report in reports.items()} == {"mail": 5, "sms": 1}
    assert reports["mail"]["worker"] == "host:1"


def test_drops_are_reported_at_the_end_too(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end)
    fill(writer)
    received = pipe.drain()
    assert writer.close()
    assert events(received + pipe.drain())[-1] == "lines_dropped"
    assert not writer.line({"event": "late"})


def test_a_frame_that_only_half_fits_is_completed_with_the_next(pipe: Pipe) -> None:
    fcntl.fcntl(pipe.write_end, fcntl.F_SETPIPE_SZ, 4096)
    writer = PipeWriter(pipe.write_end)
    assert writer.line({"event": "large", "text": "x" * 5000})
    assert pipe.drain() == []
    assert writer.line({"event": "next"})
    large, following = pipe.drain()
    assert len(large["o"]["text"]) == 5000
    assert following["o"]["event"] == "next"


def test_a_line_that_is_too_long_is_replaced_by_one_that_says_so(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end)
    assert writer.line({"event": "huge" * 1000, "job": "j1", "attempt": 2, "text": "x" * MAX_FRAME})
    (frame,) = pipe.drain()
    assert (frame["j"], frame["o"]["attempt"]) == ("j1", 2)
    assert frame["o"]["event"].startswith("hugehuge")
    assert str(MAX_FRAME) in frame["o"]["cut"]
    assert "text" not in frame["o"]


def test_lines_of_many_threads_stay_whole(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end, patience=10.0)
    text = "x" * 7000

    def write(thread: int) -> None:
        for number in range(100):
            assert writer.line({"event": "tick", "thread": thread, "number": number, "text": text})

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    received: list[Frame] = []
    while len(received) < 800:
        received += pipe.read(0.05)
    for thread in threads:
        thread.join()
    for thread_number in range(8):
        numbers = [frame["o"]["number"] for frame in received if frame["o"]["thread"] == thread_number]
        assert numbers == list(range(100))


class Interrupted(BaseException):
    """What a time limit raises inside a thread."""


def test_an_asynchronous_exception_in_the_middle_of_a_line_tears_nothing(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end)

    def write(begun: threading.Event) -> None:
        with contextlib.suppress(Interrupted):
            begun.set()
            while True:
                writer.line({"event": "tick", "text": "x" * 9000})

    received: list[Frame] = []
    for _ in range(100):
        begun = threading.Event()
        thread = threading.Thread(target=write, args=(begun,), daemon=True)
        thread.start()
        begun.wait()
        received += pipe.drain()
        identity = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(Interrupted))
        thread.join(10.0)
        assert not thread.is_alive(), "the lock was left taken"
    received += pipe.drain()
    assert writer.line({"event": "after"})
    assert writer.flush(1.0)
    received += pipe.drain()
    assert set(events(received)) <= {"tick", "lines_dropped", "after"}
    assert events(received)[-1] == "after"
    assert not pipe.frames.closed


def test_a_supervisor_that_is_gone_costs_lines_and_raises_nothing(pipe: Pipe) -> None:
    writer = PipeWriter(pipe.write_end)
    os.close(pipe.read_end)
    begun = time.monotonic()
    for _ in range(100):
        assert not writer.line({"event": "lost"})
    assert time.monotonic() - begun < 0.5
    assert writer.dropped == 100


def test_a_forked_process_cannot_write_into_the_frames_of_its_parent(pipe: Pipe) -> None:
    code = """
import os, sys
from workstreams.log.pipe import PipeWriter
from workstreams.log.values import encode
writer = PipeWriter(int(sys.argv[1]))
if os.fork() == 0:
    writer.line({"event": "forked"})
    os._exit(0)
os.wait()
writer.line({"event": "parent"})
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(pipe.write_end)],
        pass_fds=[pipe.write_end],
        stderr=subprocess.PIPE,
        check=True,
    )
    assert events(pipe.drain()) == ["parent"]
    assert b'"forked"' in done.stderr


def test_a_program_that_a_job_starts_does_not_hold_the_pipe_open(pipe: Pipe) -> None:
    PipeWriter(pipe.write_end)
    assert not os.get_inheritable(pipe.write_end)


def test_a_value_that_json_cannot_carry_does_not_stop_the_line(pipe: Pipe) -> None:
    assert PipeWriter(pipe.write_end).line({"event": "odd", "number": 2**80, "text": "\ud800"})
    (frame,) = pipe.drain()
    assert frame["o"] == {"event": "odd", "number": str(2**80), "text": "\\ud800"}
