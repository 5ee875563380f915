"""Puts the rooms together into one broker."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dramatiq import Middleware
from dramatiq.middleware import AgeLimit, Callbacks, CurrentMessage, Pipelines, ShutdownNotifications
from dramatiq.results import Results

from workstreams.admit.admission import AdmissionMiddleware
from workstreams.admit.limiters import ConcurrencyLimiter, RateLimiter
from workstreams.control.operations import Operations
from workstreams.declare.config import Config
from workstreams.finish.barriers import LimiterBackend
from workstreams.finish.groups import WorkstreamGroups
from workstreams.finish.outcomes import Outcomes
from workstreams.finish.results import StoredResults
from workstreams.guest import Desks
from workstreams.run.event_loop import WorkstreamAsyncIO
from workstreams.run.running_job import RunningJob
from workstreams.run.time_limit import WorkstreamTimeLimit
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["build_broker"]


def build_broker(
    config: Config | str | Path | None = None, *, middleware: Iterable[Middleware] | None = None
) -> WorkstreamBroker:
    """Make a broker with all middleware; it reads nothing and connects to nothing yet.

    Parameters:
      config: A config, or where to find one.
      middleware: What to have of Dramatiq's and of your own, instead of all that Dramatiq and we
        have by default. What limits and outcomes need is there in any case.
    """
    broker = WorkstreamBroker(config)
    broker.operations = Operations(broker)
    broker.desks = Desks(broker)
    defaults = _defaults(broker) if middleware is None else []
    for one in [
        RunningJob(),
        *defaults,
        ConcurrencyLimiter(),
        RateLimiter(),
        AdmissionMiddleware(),
        Outcomes(),
    ]:
        broker.add_middleware(one)
    for one in defaults:
        broker.stand_ins.add(one)
    for one in middleware or ():
        broker.add_middleware(one)
    return broker


def _defaults(broker: WorkstreamBroker) -> list[Middleware]:
    return [
        AgeLimit(),
        WorkstreamTimeLimit(),
        ShutdownNotifications(),
        Callbacks(),
        Pipelines(),
        Results(backend=StoredResults(broker)),  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
        WorkstreamGroups(LimiterBackend(broker)),
        CurrentMessage(),
        WorkstreamAsyncIO(),
    ]
