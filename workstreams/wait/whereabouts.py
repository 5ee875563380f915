"""Where a broker's config is, and the server that it names: both found at the first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workstreams.declare.config import Config, load_config
from workstreams.store.embedded import attach
from workstreams.store.keys import Keys
from workstreams.store.link import Link

__all__ = ["Whereabouts", "link_of", "url_of"]


class Whereabouts:
    """A config and the way to its server, for threads to share.

    Parameters:
      source: A config, or where to find one; by default ``WORKSTREAMS_CONFIG`` or ``./config``.
    """

    def __init__(self, source: Config | str | Path | None = None) -> None:
        self._mutex = threading.RLock()
        self._load, self._config = _loading(source)
        self._link: Link | None = None

    @property
    def config(self) -> Config:
        """The config, read at the first use.

        Raises:
          ConfigError: With everything that is wrong with it.
        """
        # Asked several times a job; a reference is read at once.
        config = self._config
        if config is not None:
            return config
        with self._mutex:
            if self._config is None:
                self._config = self._load()
            return self._config

    @property
    def link(self) -> Link:
        """The way to the server that the config names."""
        link = self._link
        if link is not None:
            return link
        with self._mutex:
            if self._link is None:
                self._link = link_of(self.config)
            return self._link

    def move(self, source: Config | str | Path) -> None:
        """Use another config from now on."""
        with self._mutex:
            self.close()
            self._load, self._config = _loading(source)

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        with self._mutex:
            if self._link is not None:
                self._link.close()
                self._link = None


def _loading(source: Config | str | Path | None) -> tuple[Callable[[], Config], Config | None]:
    """How to have a config, and the config itself if nothing is to be read for it."""
    if isinstance(source, Config):
        return lambda: source, source
    return partial(load_config, source), None


def link_of(config: Config) -> Link:
    """The way to the server that a config names; nothing is connected to before the first call."""
    return Link(lambda: url_of(config), Keys(config.app))


def url_of(config: Config) -> str:
    """The URL of the server that a config names.

    Raises:
      NothingRunsHere: When it is an embedded one and none is up.
    """
    return attach(config.state_dir) if config.redis == "embedded" else config.redis
