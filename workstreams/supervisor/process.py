"""A worker process: ``python -m workstreams.supervisor.process``, started by a supervisor only.

1. Send every line to the supervisor's pipe.
2. Read the config and import the actors; say so and end if that fails.
3. Run Dramatiq's stock Worker on the workstreams of the pool.
4. Drain when told to, when the supervisor is gone, when a thread was lost, or when the
   process has run as many jobs as it may.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
import traceback

from dramatiq import Worker

from workstreams.admit.admission import AdmissionMiddleware, BootFailed, Unreachable, worker_name
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    spec = ChildSpec.decode(os.environ.pop(VARIABLE))
    pipe = PipeWriter(spec.log_fd)
    try:
        return _Process(spec, pipe).run()
    except RedisUnavailable as error:
        pipe.status({"state": "failed", "error": str(error), "code": EXIT_KILLED})
        return EXIT_KILLED
    except Unreachable as error:
        pipe.status({"state": "failed", "error": str(error), "code": EXIT_KILLED})
        return EXIT_KILLED
    except (WorkstreamsError, BootFailed) as error:
        pipe.status({"state": "failed", "error": str(error), "code": EXIT_CONFIG})
        return EXIT_CONFIG
    except Exception:
        # A module of the user's that fails while it is imported: its traceback is the answer.
        pipe.status({"state": "failed", "error": traceback.format_exc(), "code": EXIT_CONFIG})
        return EXIT_CONFIG
    finally:
        pipe.close()


class _Process:
    def __init__(self, spec: ChildSpec, pipe: PipeWriter) -> None:
        self._spec = spec
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
        self._worker = self._start(broker, config)
        self._pipe.status({"state": "ready"})
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
        most = self._config.worker.recycle.jobs
        while True:
            ready, _, _ = select.select([self._spec.control_fd], [], [], TICK)
            if ready:
                told = os.read(self._spec.control_fd, 1)
                if told == LOST:
                    # Ask at once, so that what ended here is refused and said to be.
                    admitted.exchange.wake("*", 0.0)
                    admitted.lost.wait(1.0)
                    return EXIT_REPLACE
                return self._drain(
                    worker, admission, self._spec.grace if told == DRAIN else self._spec.orphan_grace
                )
            if admitted.lost.is_set():
                # Its jobs run elsewhere: nothing that still runs here may be recorded.
                return EXIT_REPLACE
            if not all(thread.is_alive() for thread in worker.workers):
                self._pipe.line(self._note("thread_lost", "the process is replaced"))
                self._drain(worker, admission, self._spec.grace)
                return EXIT_REPLACE
            if most is not None and admitted.exchange.ended >= most:
                self._drain(worker, admission, self._spec.grace)
                return EXIT_REPLACE

    def _drain(self, worker: Worker, admission: AdmissionMiddleware, grace: float) -> int:
        admitted = admission.admitted
        assert admitted is not None
        admitted.exchange.drain()
        deadline = time.monotonic() + grace
        while admitted.exchange.busy and time.monotonic() < deadline and self._alive(worker):
            time.sleep(0.01)
        if admitted.exchange.busy:
            # Threads cannot be ended. What is done so far is told; what runs is the
            # supervisor's to hand back, once this process is gone.
            admitted.exchange.close(1.0)
            return EXIT_KILLED
        worker.stop(timeout=2_000)
        return EXIT_OK

    def _alive(self, worker: Worker) -> bool:
        return any(thread.is_alive() for thread in worker.workers)

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
