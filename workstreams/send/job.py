"""A job as its sender holds it, which is a Dramatiq message."""

from __future__ import annotations

import dataclasses
import time
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

    @classmethod
    def made(
        cls,
        workstream: str,
        actor_name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: dict[str, Any],
    ) -> Job[Any]:
        """A new job; the same as ``Job(…)``, which takes three times as long to set its frozen fields."""
        return cls.from_fields(
            {
                "queue_name": workstream,
                "actor_name": actor_name,
                "args": args,
                "kwargs": kwargs,
                "options": options,
                "message_id": new_id(),
                "message_timestamp": time.time_ns() // 1_000_000,
            }
        )

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Job[Any]:
        """A job of exactly these fields, of which ``args`` is a tuple."""
        job: Job[Any] = object.__new__(cls)
        job.__dict__.update(fields)
        return job

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
