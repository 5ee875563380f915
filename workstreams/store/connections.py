"""Connections of redis-py that never keep half of a handshake or of a reply for the next command."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from redis.connection import Connection

__all__ = ["whole"]

if TYPE_CHECKING:
    _Base = Connection
else:
    _Base = object


class _Whole(_Base):
    """Put before a class of connections: what it was interrupted in, it begins anew."""

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        """Connect and shake hands, or be closed.

        redis-py closes it after errors only. A job's time limit or its cancel is none: the connection
        went back to its pool without its password, in another database, or of no use for ever.
        """
        try:
            super().connect_check_health(*args, **options)
        except BaseException:
            self.disconnect()  # type: ignore[no-untyped-call]  # redis-py's is untyped
            raise

    def read_response(
        self, disable_decoding: bool = False, *, disconnect_on_error: bool | None = True, **options: Any
    ) -> Any:
        """Read a reply, or be closed unless told otherwise.

        redis-py's behind a Sentinel stays open: after a timeout the late reply answered the next command.
        """
        return super().read_response(disable_decoding, disconnect_on_error=disconnect_on_error, **options)


@lru_cache(maxsize=8)
def whole(kind: type[Connection] = Connection) -> type[Connection]:
    """A class of connections like the given one that is whole or closed.

    Parameters:
      kind: Any of redis-py's: over TCP, TLS or a socket file, with or without a Sentinel.
    """
    return type(f"Whole{kind.__name__}", (_Whole, kind), {})
