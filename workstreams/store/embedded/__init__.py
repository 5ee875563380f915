"""A real Valkey as our own child process, for machines without a server."""

from workstreams.store.embedded.attach import attach
from workstreams.store.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "attach"]
