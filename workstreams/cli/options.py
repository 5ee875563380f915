"""Flags that many commands share, and how a command finds its config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from workstreams.declare.config import Config
    from workstreams.declare.config.source_spec import ConfigSource
    from workstreams.store.link import Link

__all__ = ["ConfigPath", "Json", "flag", "link_to", "load", "source_of"]


def flag(*names: str, help: str, **more: Any) -> Any:  # noqa: A002 - typer's word for it
    """A flag; its twin in the environment is told once for all, not with each of them."""
    return typer.Option(*names, help=help, show_envvar=False, **more)


ConfigPath = Annotated[
    str | None,
    flag(
        "--config",
        metavar="PATH",
        # The config's own reader looks at WORKSTREAMS_CONFIG, and names it in its errors.
        allow_from_autoenv=False,
        help="A config file or folder.  [default: $WORKSTREAMS_CONFIG, or ./config]",
    ),
]
Json = Annotated[bool, flag("--json", help="Print one JSON object a line.")]


def source_of(context: typer.Context, path: str | None) -> ConfigSource:
    """Where the config is: by the command's own flag, or by the one before its name."""
    from workstreams.declare.config.source_spec import ConfigSource

    return ConfigSource(path if path is not None else context.find_root().params.get("config"))


def load(context: typer.Context, path: str | None) -> Config:
    """The config.

    Raises:
      ConfigError: With everything that is wrong with it.
    """
    return source_of(context, path).load()


def link_to(config: Config) -> Link:
    """The way to the config's server; nothing is connected to before the first call."""
    from workstreams.wait.whereabouts import link_of

    return link_of(config)
