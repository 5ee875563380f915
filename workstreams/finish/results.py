"""Stores what jobs return: with their finish, found by the job's id, and told at once to who waits."""

from __future__ import annotations

import time
from typing import Any

import redis
import structlog
from dramatiq import Encoder, JSONEncoder, Message
from dramatiq.broker import MessageProxy
from dramatiq.common import q_name
from dramatiq.results import ResultBackend, ResultMissing, ResultTimeout
from dramatiq.results.backend import DEFAULT_TIMEOUT
from dramatiq.results.result import wrap_exception, wrap_result

from workstreams.admit.delivery import Delivery
from workstreams.errors import PayloadError, PayloadTooLarge
from workstreams.store.client import redis_errors
from workstreams.wait.broker import WorkstreamBroker
from workstreams.wait.emptying import failure_of

__all__ = ["StoredResults"]

#: Seconds between two looks while waiting, for what no script tells: a message may be lost
#: with its connection, and a job whose process died leaves no result.
LOOK = 1.0


class StoredResults(ResultBackend):
    """The backend of Dramatiq's ``Results`` over our store.

    Parameters:
      broker: Whose server, namespace and limits of size to use.
      encoder: Turns results into text; Dramatiq's JSON by default.
    """

    def __init__(self, broker: WorkstreamBroker, *, encoder: Encoder | None = None) -> None:
        super().__init__(encoder=encoder or JSONEncoder())
        self._broker = broker

    def build_message_key(self, message: Message[Any] | MessageProxy) -> str:
        """The key of a job's result: its workstream and its id say it all."""
        return self._broker.link.keys.workstream(q_name(message.queue_name), "result", message.message_id)

    def get_result(self, message: Message[Any], *, block: bool = False, timeout: int | None = None) -> Any:
        """Get a result.

        Parameters:
          message: Whose.
          block: Whether to wait for it.
          timeout: Milliseconds to wait; 10 s by default.

        Raises:
          ResultMissing: When it is not stored, or no longer.
          ResultTimeout: When it was not stored in time.
          ResultFailure: When the job is dead.
        """
        link = self._broker.link
        with redis_errors(link.url):
            text: Any = link.scripts.client.get(self.build_message_key(message))
            if text is None and block:
                text = self._wait(message, (DEFAULT_TIMEOUT if timeout is None else timeout) / 1000)
        if text is None:
            raise (ResultTimeout if block else ResultMissing)(message)
        return self.unwrap_result(self.encoder.decode(text))  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    def store_result(self, message: Message[Any] | MessageProxy, result: Any, ttl: int) -> None:
        """Store what a job returned: now, or with its finish while it ends.

        Parameters:
          message: Whose.
          result: What it returned; what cannot be stored is stored as a failure.
          ttl: Milliseconds to keep it.
        """
        if isinstance(message, Delivery) and message.failed:
            # It ends as dead, and that is its result.
            return
        self._put(message, wrap_result(result), ttl)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    def store_exception(
        self, message: Message[Any] | MessageProxy, exception: BaseException, ttl: int
    ) -> None:
        """Store why a job is dead."""
        self._put(message, wrap_exception(exception), ttl)  # type: ignore[no-untyped-call]  # Dramatiq's is untyped

    def _put(self, message: Message[Any] | MessageProxy, result: Any, ttl: int) -> None:
        if not isinstance(message, Delivery) or message.record is None:
            self._store(self.build_message_key(message), self._text(message, result), ttl)
        elif not message.sealed:
            message.record |= {"res": self._text(message, result), "ttl": max(1, int(ttl))}

    def _store(self, message_key: str, result: str, ttl: int) -> None:
        link = self._broker.link
        with redis_errors(link.url):
            pipe = link.scripts.client.pipeline(transaction=True)
            pipe.set(message_key, result, px=max(1, int(ttl)))
            pipe.publish(_channel(link.keys.root, message_key.rpartition(":")[2]), "stored")
            pipe.execute()

    def _text(self, message: Message[Any] | MessageProxy, result: Any) -> str:
        name = q_name(message.queue_name)
        try:
            text = self.encoder.encode(result).decode()
            if len(text) > (most := self._broker.config.workstream(name).max_payload):
                raise PayloadTooLarge(name, len(text), most)
        except (TypeError, ValueError, RecursionError, PayloadError) as error:
            structlog.get_logger("workstreams").error("result_not_stored", error=str(error))
            refused = PayloadError(f"expected a result that can be stored, found another: {error}")
            text = self.encoder.encode(wrap_exception(refused)).decode()  # type: ignore[no-untyped-call]  # Dramatiq's is untyped
        return text

    def _wait(self, message: Message[Any], seconds: float) -> bytes | None:
        deadline, link = time.monotonic() + seconds, self._broker.link
        with link.listener() as client, client.pubsub() as pubsub:
            # Before the first look: what is stored after it is heard.
            pubsub.subscribe(_channel(link.keys.root, message.message_id))
            while (found := self._look(client, message)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                pubsub.get_message(timeout=min(left, LOOK))
        return found

    def _look(self, client: redis.Redis, message: Message[Any]) -> bytes | None:
        """The result, if it is there.

        Raises:
          ResultFailure: When there will be none, because the job is dead.
        """
        keys, name = self._broker.link.keys, q_name(message.queue_name)
        pipe = client.pipeline(transaction=True)
        pipe.get(self.build_message_key(message))
        pipe.hmget(keys.workstream(name, "job", message.message_id), "state", "error")
        text, (state, error) = pipe.execute()
        if text is None and state == b"dead":
            raise failure_of(error)
        found: bytes | None = text
        return found


def _channel(root: str, job_id: str) -> str:
    return f"{root}ended:{job_id}"
