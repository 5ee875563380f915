"""Interrupts a job that runs longer than its workstream, actor or message allows."""

from __future__ import annotations

import threading

from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import TimeLimit

from workstreams.admit.delivery import Delivery
from workstreams.wait.broker import ours

__all__ = ["WorkstreamTimeLimit"]

#: Milliseconds between two looks at the deadlines; Dramatiq's own is 1 s.
INTERVAL = 100


class WorkstreamTimeLimit(TimeLimit):
    """Dramatiq's time limit with the workstream's ``timeout`` as its default."""

    def __init__(self) -> None:
        super().__init__(interval=INTERVAL)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Set the deadline: the message's own over its actor's over its workstream's."""
        if not isinstance(message, Delivery):
            return
        broker = ours(broker)
        actor = broker.actors.get(message.actor_name)
        limit = message.options.get("time_limit") or (actor and actor.options.get("time_limit"))
        if limit is None:
            limit = broker.config.workstream(message.grant.workstream).timeout / 1000
        self.manager.add_timeout(threading.get_ident(), limit)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
