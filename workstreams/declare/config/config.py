"""The whole config, as the rest of the package reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, PrivateAttr, field_validator

from workstreams.declare.config import fields
from workstreams.declare.config.limits import NamedLimit
from workstreams.declare.config.model import Model, as_items, as_section
from workstreams.declare.config.schedule import Schedule
from workstreams.declare.config.settings import LogSettings, WebSettings
from workstreams.declare.config.worker import WorkerSettings
from workstreams.declare.config.workstream import Workstream
from workstreams.errors import ConfigError, Problem, UnknownWorkstream, nearest

__all__ = ["EMBEDDED", "Config"]

#: What ``redis:`` says when the server is our own child.
EMBEDDED = "embedded"

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_MODULE = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
_VERSION = "text, such as a number or a date; a higher one wins"


def _redis(value: object) -> str:
    expected = "embedded, or a URL: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
    if value == EMBEDDED:
        return EMBEDDED
    if not isinstance(value, str) or re.search(r"\s", value) or not value.isprintable():
        raise ValueError(expected)
    parts = _split(value)
    if parts.scheme not in _SCHEMES:
        close = None if parts.scheme else nearest(value, [EMBEDDED])
        raise ValueError(expected, f'did you mean "{close}"?' if close else "")
    if parts.scheme == "unix" and len(parts.path) < 2:
        raise ValueError("the path of a socket, such as unix:///run/valkey.sock")
    if parts.scheme != "unix" and not parts.hostname:
        raise ValueError("a URL with a host, such as redis://localhost:6379/0")
    return str(value)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(str(url))
        if "," not in parts.netloc:  # Several hosts, each with its port, are for Sentinel or Cluster to read.
            parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        # What urlsplit says may quote the password.
        raise ValueError("a URL with a usable host and port, such as redis://localhost:6379/0") from None
    return parts


def _version(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return str(fields.text(_VERSION, r"\S+").read(value))


def _path(value: object) -> Path:
    if isinstance(value, str | Path) and str(value).isprintable():
        return Path(value)
    raise ValueError("the path of a folder")


_PATH = fields.Reads(_path, {"type": "string"})


class Config(Model):
    """Everything that is declared.

    Attributes:
      app: Namespace of every key in Redis.
      version: The higher one's limits win in a roll-out.
      redis: ``embedded`` or a URL.
      imports: Modules that declare actors.
      path: Folders put on ``sys.path``, absolute.
      state_dir: Where the embedded server lives, absolute.
      limits: Shared limits by name.
      workstreams: Workstreams by name.
      schedules: Schedules by name.
      worker: How workers run.
      logs: How log lines are written.
      web: Where the web page is served.
    """

    app: Annotated[str, fields.name("the name of the app")] = "workstreams"
    version: Annotated[str, fields.Reads(_version, {"type": ["string", "integer"]})] = "0"
    redis: Annotated[str, fields.Reads(_redis, {"type": "string"})] = Field(default=EMBEDDED, repr=False)
    imports: Annotated[tuple[Annotated[str, fields.text("the name of a module", _MODULE)], ...], as_items] = (
        Field(default=(), alias="import")
    )
    path: Annotated[tuple[Annotated[Path, _PATH], ...], as_items] = ()
    state_dir: Annotated[Path, _PATH]
    limits: Annotated[Mapping[Annotated[str, fields.name("a name")], NamedLimit], as_section] = Field(
        default_factory=dict
    )
    workstreams: Annotated[Mapping[Annotated[str, fields.name("a name")], Workstream], as_section] = Field(
        default_factory=dict
    )
    schedules: Annotated[Mapping[Annotated[str, fields.name("a name")], Schedule], as_section] = Field(
        default_factory=dict
    )
    worker: WorkerSettings = WorkerSettings()
    logs: LogSettings = LogSettings()
    web: WebSettings = WebSettings()

    _files: tuple[Path, ...] = PrivateAttr(default=())

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it was read from, in order; none for a config that was built in memory."""
        return self._files

    @property
    def limit_names(self) -> tuple[str, ...]:
        """Every name that has limits: the shared ones, then the workstreams."""
        return (*self.limits, *self.workstreams)

    def workstream(self, name: str) -> Workstream:
        """Look up a workstream.

        Raises:
          UnknownWorkstream: When the config declares none of this name.
        """
        try:
            return self.workstreams[name]
        except KeyError:
            raise UnknownWorkstream(name, self.workstreams) from None

    def queues(self, pool: str) -> tuple[str, ...]:
        """Names of the workstreams that a pool of worker processes serves.

        Raises:
          ConfigError: When the config declares no pool of this name.
        """
        if pool not in self.worker.pools:
            close = nearest(pool, self.worker.pools)
            known = f"declared are {', '.join(self.worker.pools)}"
            hint = f'did you mean "{close}"?' if close else known
            raise ConfigError([Problem("a declared pool", f'"{pool}"', "worker.pools", hint=hint)])
        return tuple(name for name, workstream in self.workstreams.items() if workstream.pool == pool)

    def read_from(self, files: tuple[Path, ...]) -> Self:
        """A copy that knows the files it was read from."""
        copy = self.model_copy()
        copy._files = files
        return copy

    @field_validator("limits", "workstreams", mode="after")
    @classmethod
    def _tell_names(cls, declared: dict[str, Any]) -> dict[str, Any]:
        return {name: limit.named(name) for name, limit in declared.items()}
