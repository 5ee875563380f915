"""Charges rates with what a job only learns while it runs."""

from __future__ import annotations

from uuid import uuid4

from workstreams.admit.delivery import Delivery
from workstreams.declare.publishing import publish
from workstreams.send.cost import Cost, charge_word
from workstreams.store.readable import readable
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["Charging"]


class Charging:
    """The charges of one delivery.

    Parameters:
      broker: Whose config and connections are used.
      delivery: What runs.
      worker: The process that runs it, for the event.
    """

    def __init__(self, broker: WorkstreamBroker, delivery: Delivery, worker: str) -> None:
        self._broker = broker
        self._delivery = delivery
        self._worker = worker

    def __call__(self, cost: Cost) -> None:
        """Charge.

        Raises:
          PayloadError: When the cost has no meaning here.
          RedisUnavailable: When Redis cannot be asked.
          RedisUnsuitable: When what stands there is not ours.
        """
        workstream = self._broker.config.workstream(self._delivery.grant.workstream)
        word = charge_word(cost, workstream)
        if self._ask(word) == b"unsettled":
            link = self._broker.link
            with readable(link):
                publish(self._broker.config, link.scripts)
            self._ask(word)

    def _ask(self, word: int | float | str) -> bytes:
        link, grant, request = self._broker.link, self._delivery.grant, uuid4().hex
        call = {"request": request, "epoch": "", "fresh": request, "cost": word, "worker": self._worker}
        call |= {"workstream": grant.workstream, "key": grant.key, "id": grant.job_id}
        call |= {"actor": self._delivery.actor_name, "attempt": grant.attempt}
        with readable(link):
            reply: list[bytes] = link.scripts.run("charge", call)
        return reply[0]
