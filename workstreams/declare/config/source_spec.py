"""Where a config was read from, so that another process can read the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from workstreams.declare.config.config import Config
from workstreams.declare.config.loading import load_config

__all__ = ["ConfigSource"]


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigSource:
    """A config's place and the flags over it.

    Attributes:
      path: A file or folder; None is where every command looks.
      overrides: Dotted key → text, as flags give them.
    """

    path: str | None = None
    overrides: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def load(self) -> Config:
        """Read it.

        Raises:
          ConfigError: With everything that is wrong with it.
        """
        return load_config(self.path, overrides=dict(self.overrides))
