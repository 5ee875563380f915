"""Counts the members of a group as they end, in the finish of each, and sends what follows the last."""

from __future__ import annotations

from typing import Any

from dramatiq import Message
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import GroupCallbacks, Middleware

from workstreams.admit.delivery import Delivery
from workstreams.wait.broker import ours

__all__ = ["WorkstreamGroups"]


class WorkstreamGroups(GroupCallbacks):
    """Dramatiq's ``GroupCallbacks``, with the count in the finish.

    Dramatiq's counts as soon as a job returned: one whose process then dies is run and counted
    again, and its group is over too soon.
    """

    def absorb(self, other: Middleware) -> bool:
        """Take over how long counts are kept from one of Dramatiq's that is added."""
        if type(other) is not GroupCallbacks:
            return False
        self.barrier_ttl = other.barrier_ttl
        return True

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Let the finish count this member."""
        name = message.options.get("group_completion_uuid")
        callbacks = message.options.get("group_completion_callbacks")
        if exception is not None or not name or not callbacks or not isinstance(message, Delivery):
            return
        if message.record is None or message.failed:
            return
        # Only the last member's are sent, but which is last is known to the script alone.
        orders = [ours(broker).order(Message(**data)) for data in callbacks]
        message.record["group"] = {
            "key": name,
            "ttl": self.barrier_ttl,
            "next": [order.followup() for order in orders],
        }
