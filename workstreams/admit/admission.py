"""Lets work into a worker process: its session, its lanes and its exchange."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import redis
import structlog
from dramatiq import Broker, Consumer, Middleware, Worker
from dramatiq.broker import MessageProxy
from dramatiq.errors import BrokerConnectionError
from dramatiq.middleware import MiddlewareError

from workstreams.admit.cancelling import Cancelling
from workstreams.admit.consumer import LaneConsumer
from workstreams.admit.deliverer import Deliverer
from workstreams.admit.delivery import Delivery, lease_of
from workstreams.admit.exchange import Exchange
from workstreams.admit.lane import Lane, lanes_of
from workstreams.admit.listener import Listener
from workstreams.admit.renewer import Renewer
from workstreams.admit.reports import Reports
from workstreams.admit.sessions import SessionInfo, Sessions, new_sid
from workstreams.admit.work_queue import WorkQueue
from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.errors import RedisUnavailable, WorkstreamsError
from workstreams.store.client import lease_client
from workstreams.store.readable import readable
from workstreams.store.scripts import Scripts
from workstreams.wait.broker import WorkstreamBroker, ours

__all__ = ["AdmissionMiddleware", "Admitted", "BootFailed", "worker_name"]

#: Seconds that the last finishes may take to reach Redis when a worker stops.
LAST_CALL = 5.0


class BootFailed(MiddlewareError):
    """The worker cannot start; Dramatiq lets only this kind of error stop a boot."""


class Unreachable(BootFailed, BrokerConnectionError):
    """The worker cannot start because Redis cannot be reached: Dramatiq's command ends with 3."""


def worker_name() -> str:
    """How this process is called in logs and listings: ``host:pid``."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclasses.dataclass(slots=True)
class Admitted:
    """What a booted worker has open, and who knows how often a delivery is tried again."""

    sid: str
    lanes: dict[str, Lane]
    exchange: Exchange
    listener: Listener
    sessions: Sessions
    renewer: Renewer | None
    lost: threading.Event
    most_retries: Callable[[Delivery], int | None]


class AdmissionMiddleware(Middleware):
    """Opens the gates when a Dramatiq worker boots here, and closes them when it stops.

    Parameters:
      sid: The session to open; a new one by default.
      pool: The pool this process works for.
      watched: Whether a supervisor renews the lease; by default the process does so itself.
    """

    #: Beside the outcomes: a cancel must not land in the hooks of others.
    stays_last = True

    def __init__(self, *, sid: str | None = None, pool: str = "main", watched: bool = False) -> None:
        self.sid = sid
        self.pool = pool
        self.watched = watched
        self.admitted: Admitted | None = None
        self.cancelling = Cancelling()
        self.log: Any = structlog.get_logger("workstreams")

    def watch(self, sid: str, pool: str) -> None:
        """Say, before the worker boots, that a supervisor renews this session."""
        self.sid, self.pool, self.watched = sid, pool, True

    # Dramatiq's moments.

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Publish the limits, open the session and make the exchange."""
        try:
            self.admitted = self._open(ours(broker), worker)
        except RedisUnavailable as error:
            raise Unreachable(str(error)) from error  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
        except WorkstreamsError as error:
            raise BootFailed(str(error)) from error
        except Exception as error:
            # Dramatiq would log anything else and go on without admission.
            raise BootFailed(f"{type(error).__name__}: {error}") from error
        ours(broker).admission = self

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start asking for work."""
        if self.admitted is not None:
            self.admitted.listener.start()
            self.admitted.exchange.start()
            if self.admitted.renewer is not None:
                self.admitted.renewer.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Ask for nothing more."""
        if self.admitted is not None:
            self.admitted.exchange.drain()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Send the last finishes; give the session up if nothing runs under it any longer."""
        admitted, self.admitted, ours(broker).admission = self.admitted, None, None
        if admitted is None:
            return
        told = admitted.exchange.close(LAST_CALL)
        admitted.listener.stop()
        if admitted.renewer is not None:
            admitted.renewer.stop()
        # While a thread may still run a job, only who has seen the process end may say so.
        if told and admitted.exchange.busy == 0 and not admitted.lost.is_set():
            try:
                admitted.sessions.end(admitted.sid, "the worker stopped", blame=False)
            except redis.RedisError as error:
                self.log.warning(
                    "session_not_ended", error=str(error), hint="its lease will run out by itself"
                )
        admitted.sessions.close()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """From here on the job may be cancelled; one that was cancelled on its way here ends."""
        if isinstance(message, Delivery):
            self.cancelling.begin(message)
            message.on_failure += (self.cancelling.end,)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Its end is decided: it can be cancelled no longer."""
        if isinstance(message, Delivery):
            self.cancelling.end(message)

    after_skip_message = after_process_message

    def consume(self, queue_name: str, timeout: float) -> Consumer:
        """A consumer of one lane."""
        assert self.admitted is not None
        lane, exchange = self.admitted.lanes[queue_name], self.admitted.exchange
        return LaneConsumer(lane, exchange, timeout, self.admitted.most_retries)

    # How it is put together.

    def _open(self, broker: WorkstreamBroker, worker: Worker) -> Admitted:
        config, link = broker.config, broker.link
        names = sorted(worker.consumer_whitelist or broker.get_declared_queues())
        queue = worker.work_queue = WorkQueue()
        lanes = lanes_of(map(config.workstream, names), config, worker.worker_threads, queue)
        sid, lost = self.sid or new_sid(), threading.Event()
        sessions = Sessions(link.patient_scripts())
        most, watched = config.worker.max_deliveries, self.watched
        info = SessionInfo(sid, worker_name(), self.pool, tuple(names), most, watched=watched)
        with readable(link):
            if not self.watched:
                # A supervisor publishes when its user starts it; a process that is replaced
                # must not change the limits of the fleet.
                publish(config, link.scripts)
            epoch = sessions.open(info, config.worker.lease)
        reports = Reports(
            refused=self._say_refused,
            lost=lambda: self._lose(lost) if self.watched else self._open_again(sessions, info, config),
            unsettled=lambda: self._publish_again(broker),
            trouble=self._say_trouble,
            gone=self._stop_unleased,
            failed=lambda: self._fail(lost),
        )
        deliver = Deliverer(broker, info.worker)
        exchange = Exchange(link.patient_scripts(), sid, info.worker, lanes, queue, deliver, reports, epoch)
        listener = Listener(
            link.listener,
            link.keys,
            sid,
            exchange.wake,
            self.cancelling.cancel,
            lambda: self.cancelling.look(link.scripts, sid),
        )
        renewer = (
            None
            if self.watched
            else Renewer(
                Sessions(Scripts(lease_client(link.url, config.worker.lease), link.keys)),
                sid,
                config.worker.lease,
                lambda: exchange.wake("*", 0.0),
            )
        )
        retries = partial(_most_retries, broker)
        return Admitted(sid, lanes, exchange, listener, sessions, renewer, lost, retries)

    def _lose(self, lost: threading.Event) -> bool:
        """A supervisor replaces the process."""
        lost.set()
        return False

    def _fail(self, lost: threading.Event) -> None:
        """Nothing is asked or told any longer: let the lease run out, so that others get the jobs."""
        lost.set()
        if self.admitted is not None and self.admitted.renewer is not None:
            self.admitted.renewer.stop()
            self.log.critical("worker_useless", hint="restart this process")

    def _open_again(self, sessions: Sessions, info: SessionInfo, config: Config) -> bool:
        """Nobody would replace this process: its session begins anew, holding nothing."""
        self.log.warning("session_lost", hint="its jobs have been given to others; it goes on with new ones")
        try:
            sessions.open(info, config.worker.lease)
        except redis.RedisError as error:
            self._say_trouble(error)
        return True

    def _publish_again(self, broker: WorkstreamBroker) -> None:
        try:
            published = publish(broker.config, broker.link.scripts)
        except redis.RedisError as error:
            self._say_trouble(error)
        else:
            if broker.captures is not None:
                broker.captures.register(broker)
            self.log.warning("limits_published_again", reason="Redis had lost them", epoch=published.epoch)

    def _say_refused(self, finish: dict[str, Any]) -> None:
        self.log.warning(
            "finish_refused",
            lease=lease_of(finish),
            outcome=finish["o"],
            reason="its lease was lost",
        )

    def _stop_unleased(self, lease: str) -> None:
        self.log.warning("lease_forgotten", lease=lease, hint="Redis lost it, and gives its job to others")
        self.cancelling.cancel(lease)

    def _say_trouble(self, error: redis.RedisError | None) -> None:
        if error is None:
            self.log.info("redis_back")
        else:
            self.log.error(
                "redis_away", error=str(error), hint="work goes on, and is told to Redis when it is back"
            )


def _most_retries(broker: WorkstreamBroker, message: Delivery) -> int | None:
    if broker.captures is not None:
        return broker.captures.most_retries(broker, message)
    most: int | None = message.options.get("max_retries")
    return most
