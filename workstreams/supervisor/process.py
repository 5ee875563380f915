"""A worker process: ``python -m workstreams.supervisor.process``, started by a supervisor only.

1. Send every line to the supervisor's pipe.
2. Read the config and import the actors; say so and end if that fails.
3. Run Dramatiq's stock Worker on the workstreams of the pool.
4. Serve until it is told to end, or has reason to.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from types import FrameType

import structlog
from dramatiq import Worker

from workstreams.admit.admission import AdmissionMiddleware, BootFailed, Unreachable, worker_name
from workstreams.app import configure
from workstreams.declare.config import Config, load_config
from workstreams.declare.references import check_actors, import_actors
from workstreams.errors import RedisUnavailable, WorkstreamsError
from workstreams.log.lines import notice
from workstreams.log.pipe import PipeWriter
from workstreams.log.setup import configure_logging
from workstreams.store.client import ping
from workstreams.supervisor.serving import Serving
from workstreams.supervisor.spec import EXIT_CONFIG, EXIT_KILLED, EXIT_OK, VARIABLE, ChildSpec
from workstreams.supervisor.statuses import FAILED, OPENING, READY, tell
from workstreams.supervisor.wear import Wear
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["main"]

#: Seconds between two looks whether a process that boots is to end, and for a server that is away.
TICK = 0.25

#: Seconds that may pass until the supervisor reads: that this works, and why it does not.
PATIENCE, LAST_WORDS = 10.0, 5.0


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
    # What a crash of the interpreter leaves behind is printed, and so among its jobs' last lines.
    faulthandler.enable(all_threads=False)
    spec = ChildSpec.decode(os.environ.pop(VARIABLE))
    pipe = PipeWriter(spec.log_fd)
    try:
        return _Process(spec, pipe).run()
    except RedisUnavailable as error:
        return _fail(pipe, str(error), EXIT_KILLED)
    except Unreachable as error:
        return _fail(pipe, str(error), EXIT_KILLED)
    except (WorkstreamsError, BootFailed) as error:
        return _fail(pipe, str(error), EXIT_CONFIG)
    except Exception:
        # A module of the user's that fails while it is imported: its traceback is the answer.
        return _fail(pipe, traceback.format_exc(), EXIT_CONFIG)
    finally:
        pipe.close()


def _deaf(number: int, frame: FrameType | None) -> None:
    """A signal that means nothing here."""


def _hear_again() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _fail(pipe: PipeWriter, error: str, code: int) -> int:
    """Tell the supervisor why this process ends."""
    tell(pipe, LAST_WORDS, FAILED, error=error[-32_000:], code=code)
    return code


def _end_if_told(control_fd: int, begun: threading.Event) -> None:
    """Until there is work to drain, whatever the supervisor says, or its end, ends the process.

    On a thread of its own: a module may take long to import, or for ever.
    """
    while not begun.is_set():
        ready, _, _ = select.select([control_fd], [], [], TICK)
        if ready and not begun.is_set():
            os._exit(EXIT_OK)


def _await_redis(broker: WorkstreamBroker) -> None:
    """Wait for a server that is away: to end over that would only put off the work after its return."""
    log, away = structlog.get_logger("workstreams"), False
    while True:
        try:
            ping(broker.link.scripts.client)
            break
        except RedisUnavailable as error:
            if not away:
                log.error("redis_away", error=str(error), hint="this worker begins when it is back")
            away = True
            time.sleep(TICK)  # until it is back; whoever tells this process to end is heard meanwhile
    if away:
        log.info("redis_back")


class _Process:
    def __init__(self, spec: ChildSpec, pipe: PipeWriter) -> None:
        self._spec = spec
        self._begun = threading.Event()
        threading.Thread(target=_end_if_told, args=(spec.control_fd, self._begun), daemon=True).start()
        self._pipe = pipe
        self._config = load_config(spec.config, overrides=spec.overrides)

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
        _await_redis(broker)
        self._begun.set()
        # What this process runs is its supervisor's to hand back from here on.
        tell(self._pipe, PATIENCE, OPENING)
        worker = self._start(broker, config)
        tell(self._pipe, PATIENCE, READY)
        assert admission.admitted is not None
        wear = Wear(config.worker.recycle)
        if wear.refusal:
            line = notice("recycling_impossible", {**identity, "why": wear.refusal})
            self._pipe.line(line | {"level": "error"})
        return Serving(self._spec, self._pipe, worker, admission.admitted, wear, identity).run()

    def _start(self, broker: WorkstreamBroker, config: Config) -> Worker:
        for name in self._spec.workstreams:
            broker.declare_queue(name)
        threads = sum(config.workstream(name).threads for name in self._spec.workstreams)
        worker = Worker(broker, queues=set(self._spec.workstreams), worker_threads=threads)
        # Dramatiq's command emits this in each child; the time limit's thread starts by it.
        broker.emit_after("process_boot")
        worker.start()
        return worker


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
