"""A worker process: ``python -m workstreams.supervisor.process``, started by a supervisor only.

1. Send every line to the supervisor's pipe.
2. Read the config and import the actors; say so and end if that fails.
3. Run Dramatiq's stock Worker on the workstreams of the pool.
4. Drain when told to, when the supervisor is gone, when a thread was lost, or when the
   process has run as many jobs as it may.
"""

from __future__ import annotations

import logging
import math
import os
import select
import signal
import sys
import threading
import time
import traceback
from types import FrameType

import psutil
from dramatiq import Worker

from workstreams.admit.admission import AdmissionMiddleware, Admitted, BootFailed, Unreachable, worker_name
from workstreams.app import configure, import_actors
from workstreams.declare.config import Config, load_config
from workstreams.declare.references import check_actors
from workstreams.errors import RedisUnavailable, WorkstreamsError
from workstreams.log.lines import notice
from workstreams.log.pipe import PipeWriter
from workstreams.log.setup import configure_logging
from workstreams.supervisor.spec import (
    DRAIN,
    EXIT_CONFIG,
    EXIT_KILLED,
    EXIT_OK,
    EXIT_REPLACE,
    LOST,
    ORPHAN_END,
    RETIRE,
    VARIABLE,
    ChildSpec,
)
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["main"]

#: Seconds between two looks at the threads.
TICK = 0.25


def main() -> int:
    """Run one worker process to its end.

    Returns:
      The exit code.
    """
    # Ctrl-C reaches the whole terminal; only the supervisor decides what it means.
    # Not SIG_IGN: a program that a job starts would inherit it and could not be ended.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _deaf)
    os.register_at_fork(after_in_child=_hear_again)
    spec = ChildSpec.decode(os.environ.pop(VARIABLE))
    pipe = PipeWriter(spec.log_fd)
    try:
        return _Process(spec, pipe).run()
    except RedisUnavailable as error:
        return _say_failed(pipe, str(error), EXIT_KILLED)
    except Unreachable as error:
        return _say_failed(pipe, str(error), EXIT_KILLED)
    except (WorkstreamsError, BootFailed) as error:
        return _say_failed(pipe, str(error), EXIT_CONFIG)
    except Exception:
        # A module of the user's that fails while it is imported: its traceback is the answer.
        return _say_failed(pipe, traceback.format_exc(), EXIT_CONFIG)
    finally:
        pipe.close()


def _deaf(number: int, frame: FrameType | None) -> None:
    """A signal that means nothing here."""


def _hear_again() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _say_failed(pipe: PipeWriter, error: str, code: int) -> int:
    """Tell the supervisor why this process ends; it waits for room a while, since it matters."""
    deadline = time.monotonic() + 5
    while not pipe.status({"state": "failed", "error": error[-32_000:], "code": code}):
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)  # the pipe is full: the supervisor has to read first
    return code


def _print_to_nobody() -> None:
    """The supervisor is gone, and with it the other end of stdout: a print must not fail a job."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for fd in (1, 2):
        os.dup2(nobody, fd)


def _end_if_told(control_fd: int, begun: threading.Event) -> None:
    """Until there is work to drain, whatever the supervisor says, or its end, ends the process.

    On a thread of its own: a module may take long to import, or for ever.
    """
    while not begun.is_set():
        ready, _, _ = select.select([control_fd], [], [], TICK)
        if ready and not begun.is_set():
            os._exit(EXIT_OK)


class _Process:
    def __init__(self, spec: ChildSpec, pipe: PipeWriter) -> None:
        self._spec = spec
        self._self = psutil.Process()
        self._begun = threading.Event()
        threading.Thread(target=_end_if_told, args=(spec.control_fd, self._begun), daemon=True).start()
        self._pipe = pipe
        self._config = load_config(spec.config, overrides=spec.overrides)
        self._worker: Worker | None = None

    def run(self) -> int:
        config = self._config
        identity = {"app": config.app, "worker": worker_name()}
        configure_logging(self._pipe.line, config.logs.level, config.logs.redact, identity=identity)
        _quieten_dramatiq(config.logs.level)
        broker = configure(config)
        import_actors(config)
        # Once more: a module that configures structlog for itself would keep its lines from us.
        configure_logging(self._pipe.line, config.logs.level, config.logs.redact, identity=identity)
        check_actors(config, {name: actor.queue_name for name, actor in broker.actors.items()})
        admission = next(one for one in broker.middleware if isinstance(one, AdmissionMiddleware))
        admission.watch(self._spec.sid, self._spec.pool)
        self._begun.set()
        self._worker = self._start(broker, config)
        # Whoever is not known to work is not renewed: it has to be heard.
        while not self._pipe.status({"state": "ready"}):
            time.sleep(0.05)  # the pipe is full: the supervisor has to read first
        return self._serve(admission)

    def _start(self, broker: WorkstreamBroker, config: Config) -> Worker:
        for name in self._spec.workstreams:
            broker.declare_queue(name)
        threads = sum(config.workstream(name).threads for name in self._spec.workstreams)
        worker = Worker(broker, queues=set(self._spec.workstreams), worker_threads=threads)
        # Dramatiq's command emits this in each child; the time limit's thread starts by it.
        broker.emit_after("process_boot")
        worker.start()
        return worker

    def _serve(self, admission: AdmissionMiddleware) -> int:
        assert self._worker is not None
        assert admission.admitted is not None
        admitted, worker = admission.admitted, self._worker
        while True:
            told = self._told(TICK)
            if told is not None:
                return self._obey(told, worker, admission)
            if admitted.lost.is_set():
                # Its jobs run elsewhere: nothing that still runs here may be recorded. An exchange
                # that ended by an error counts against what it carried, or it would meet it again.
                return EXIT_REPLACE if admitted.exchange.is_alive() else EXIT_KILLED
            if not self._alive(worker):
                self._pipe.line(self._note("thread_lost", "the process is replaced"))
                return self._drain(worker, admission, self._spec.grace, EXIT_REPLACE)
            if self._is_worn(admitted):
                # What runs may take its time: a recycling must not cost a job its run.
                return self._drain(worker, admission, math.inf, EXIT_REPLACE)

    def _told(self, seconds: float) -> bytes | None:
        """What the supervisor says within so many seconds; b"" means that it is gone."""
        ready, _, _ = select.select([self._spec.control_fd], [], [], seconds)
        return os.read(self._spec.control_fd, 1) if ready else None

    def _obey(self, told: bytes, worker: Worker, admission: AdmissionMiddleware) -> int:
        assert admission.admitted is not None
        if told == LOST:
            # Ask at once, so that what ended here is refused and said to be.
            admission.admitted.exchange.wake("*", 0.0)
            admission.admitted.lost.wait(1.0)
            return EXIT_REPLACE
        if told == DRAIN:
            return self._drain(worker, admission, self._spec.grace, EXIT_OK)
        if told == RETIRE:
            # What runs may take its time: a change of its code must not cost a job its run.
            return self._drain(worker, admission, math.inf, EXIT_OK)
        _print_to_nobody()
        # Whatever holds its own end up, it must not outlive its lease.
        last = threading.Timer(self._spec.orphan_grace + ORPHAN_END / 2, os._exit, (EXIT_KILLED,))
        last.daemon = True
        last.start()
        return self._drain(worker, admission, self._spec.orphan_grace, EXIT_OK)

    def _is_worn(self, admitted: Admitted) -> bool:
        recycle = self._config.worker.recycle
        if recycle.jobs is not None and admitted.exchange.ended >= recycle.jobs:
            return True
        return recycle.memory is not None and self._self.memory_info().rss >= recycle.memory

    def _drain(self, worker: Worker, admission: AdmissionMiddleware, grace: float, code: int) -> int:
        admitted = admission.admitted
        assert admitted is not None
        admitted.exchange.drain()
        self._pipe.status({"state": "draining"})
        deadline = time.monotonic() + grace
        while admitted.exchange.busy > self._dead(worker) and time.monotonic() < deadline:
            # A drain that was asked for is not asked for again; only a recycling listens on.
            told = self._told(0.01) if grace == math.inf else None
            if told is not None:
                return self._obey(told, worker, admission)
            time.sleep(0.01)  # ends are counted by the exchange, which has nobody to tell here
        if admitted.exchange.busy:
            # Threads cannot be ended. What is done so far is told; what runs is the
            # supervisor's to hand back, once this process is gone.
            admitted.exchange.close(1.0)
            return code or EXIT_KILLED
        worker.stop(timeout=2_000)
        return code

    def _dead(self, worker: Worker) -> int:
        return sum(not thread.is_alive() for thread in worker.workers)

    def _alive(self, worker: Worker) -> bool:
        return self._dead(worker) == 0

    def _note(self, event: str, hint: str) -> dict[str, object]:
        return notice(event, {"app": self._config.app, "worker": worker_name(), "hint": hint})


def _quieten_dramatiq(level: str) -> None:
    """What Dramatiq says of each start and failure is said by events and by the job's own log.

    Its line of a failure would also carry the arguments, which nobody can redact.
    """
    if level != "debug":
        logging.getLogger("dramatiq").setLevel(logging.WARNING)
    logging.getLogger("dramatiq.worker.WorkerThread").setLevel(logging.CRITICAL)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread stuck in a job must not keep the process: its lease is about to be handed back.
    os._exit(code)
