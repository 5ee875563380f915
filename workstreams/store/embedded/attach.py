"""Finds the embedded server that another process runs."""

from __future__ import annotations

from pathlib import Path

from workstreams.errors import NothingRunsHere
from workstreams.store.embedded.folder import StateFolder
from workstreams.store.embedded.probe import accepts
from workstreams.store.embedded.server import socket_url

__all__ = ["attach"]


def attach(state_dir: Path) -> str:
    """The URL of the server that is up in a state folder.

    Parameters:
      state_dir: The folder, as its owner was given it.

    Returns:
      A ``unix://`` URL; the server may still be loading its data.

    Raises:
      NothingRunsHere: When no server is up there.
      RedisUnavailable: When this user may not use it.
    """
    folder = StateFolder(state_dir)
    with folder.errors():
        socket = folder.recorded_socket()
        if socket is not None and accepts(socket):
            return socket_url(socket)
    raise NothingRunsHere(
        f"expected the embedded server of {folder.path} to be up, found none: start it with `workstreams up`"
    )
