"""Makes deliveries of grants: reads the job, and decides whether it can run here."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson

from workstreams.admit.delivery import Delivery, Grant
from workstreams.send.job import Job
from workstreams.send.payload import job_from
from workstreams.units import MAX_DURATION
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["Deliverer"]

#: µs after which a job whose actor is unknown here is offered again: by then a roll-out
#: has gone on, and asking more often would spend permits on a worker that cannot run it.
UNKNOWN_ACTOR_WAIT = 5_000_000


class Deliverer:
    """Makes deliveries of grants; what cannot run here is given back or is dead.

    Parameters:
      broker: Knows the actors.
      worker: How this process is called in events.
    """

    def __init__(self, broker: WorkstreamBroker, worker: str) -> None:
        self._broker = broker
        self._worker = worker

    def __call__(self, grant: Grant) -> Delivery | dict[str, Any]:
        try:
            return self._made(grant)
        except Exception as error:
            # A record that cannot be read, for one. Raised here, it would end the thread that was to run it.
            return grant.finish("dead", err=_described(error))

    def _made(self, grant: Grant) -> Delivery | dict[str, Any]:
        job = job_from(grant.body, grant.options)
        if job.actor_name not in self._broker.actors:
            reason = f'{{"reason":"actor unknown to {self._worker}"}}'
            return grant.finish("handback", at=UNKNOWN_ACTOR_WAIT, x=reason)
        if job.queue_name != grant.workstream:
            # A Dramatiq worker thread looks its consumer up by this name.
            job = dataclasses.replace(job, queue_name=grant.workstream)
        return Delivery(job, grant, self._bound_of(job))

    def _bound_of(self, job: Job[Any]) -> int | None:
        """µs that the job may hold on, where its own time limit is another than its workstream's."""
        limit = job.options.get("time_limit") or self._broker.actors[job.actor_name].options.get("time_limit")
        if not isinstance(limit, int | float):
            return None
        return round(min(limit * 1000, MAX_DURATION)) + self._broker.config.worker.hard_bound


def _described(error: Exception) -> str:
    return orjson.dumps({"type": type(error).__name__, "message": str(error)}).decode()
