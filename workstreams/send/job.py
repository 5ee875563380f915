"""A job as its sender holds it, which is a Dramatiq message."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from dramatiq import Message

from workstreams.send.handle import Handle
from workstreams.send.identity import new_id

__all__ = ["Job"]

R = TypeVar("R", covariant=True)


@dataclasses.dataclass(frozen=True)
class Job(Handle[R]):
    """One piece of work: every Dramatiq idiom works on it, pipelines for one.

    Parameters:
      queue_name: The workstream.
      actor_name: The actor that will run.
      args: Positional arguments.
      kwargs: Keyword arguments.
      options: Dramatiq's options and ours (``key``, ``priority``, ``cost``).
      message_id: A version 7 UUID unless the sender chose an id.
      message_timestamp: Milliseconds since 1970.
    """

    message_id: str = dataclasses.field(default_factory=new_id)

    @property
    def id(self) -> str:
        """The job's id: Dramatiq's ``message_id``."""
        return self.message_id

    @property
    def workstream(self) -> str:
        """The workstream it was sent to: Dramatiq's ``queue_name``."""
        return self.queue_name

    @classmethod
    def of(cls, message: Message[Any]) -> Job[Any]:
        """The same message as a job; a job is returned as it is."""
        return message if isinstance(message, Job) else cls(**message.asdict())
