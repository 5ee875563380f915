"""Ways in which Redis is away, or as good as away; each ends as it would in the field."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.chaos.server import Server

__all__ = ["OUTAGES", "Outage", "killed"]

Outage = Callable[[Server], AbstractContextManager[None]]

#: Enough to be refused every write.
NOTHING = 1


@contextmanager
def killed(server: Server) -> Iterator[None]:
    """It crashes, and is started again with what its log holds."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """It hangs: connections stand, nothing is answered."""
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


@contextmanager
def read_only(server: Server) -> Iterator[None]:
    """It is made a replica, and is a primary again later."""
    with server.client() as client:
        # Nobody listens there.
        client.replicaof("127.0.0.1", 1)
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


@contextmanager
def full(server: Server) -> Iterator[None]:
    """Its memory is used up."""
    server.allow_memory(NOTHING)
    try:
        yield
    finally:
        server.allow_memory(None)


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """It asks for a password that nobody has, also of those that were let in before."""
    with server.client() as client:
        # This connection stays let in.
        client.ping()
        client.config_set("requirepass", "secret")
        client.client_kill_filter(skipme=True, _type="normal")
        client.client_kill_filter(skipme=True, _type="pubsub")
        try:
            yield
        finally:
            client.config_set("requirepass", "")


OUTAGES: tuple[Outage, ...] = (killed, frozen, read_only, full, locked)
