"""When a message is to start, as Dramatiq writes it and as the send script takes it."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from dramatiq import Message
from dramatiq.common import q_name

__all__ = ["delay_of", "without_eta"]


def delay_of(due: str) -> int | None:
    """A due time as the milliseconds of delay that Dramatiq's hooks are told; None for none."""
    due = due.partition("!")[0]
    if not due:
        return None
    microseconds = int(due[1:])
    if due.startswith("@"):
        microseconds -= time.time_ns() // 1000
    return max(0, microseconds // 1000)


def without_eta(message: Message[Any], due: str) -> tuple[Message[Any], str]:
    """Turn the ``eta`` that another broker's delay left in a message into a due time.

    Left there, it would send the message to the memory of whichever worker takes it.

    Parameters:
      message: What is to be sent, with an eta.
      due: The due time that its sender gave; it goes before an eta.

    Returns:
      The message without an eta, and its due time.
    """
    options = {name: value for name, value in message.options.items() if name != "eta"}
    eta = message.options["eta"]
    if not due and isinstance(eta, int | float):
        due = f"@{round(eta * 1000)}"
    return dataclasses.replace(message, queue_name=q_name(message.queue_name), options=options), due
