"""Settings of what is written out: log lines and the web page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workstreams.declare.config import fields
from workstreams.declare.config.model import Model, as_items

__all__ = ["LogSettings", "WebSettings"]

_REDACTED = ("password", "token", "secret", "authorization", "api_key")


class LogSettings(Model):
    """How log lines are written.

    Attributes:
      level: The least important level that is written.
      format: ``auto`` is pretty on a terminal and JSON elsewhere.
      redact: A field whose name holds one of these words is written as ``***``.
    """

    level: Annotated[str, fields.choice("debug", "info", "warning", "error", "critical")] = "info"
    format: Annotated[Literal["auto", "json", "pretty"], fields.choice("auto", "json", "pretty")] = "auto"
    redact: Annotated[tuple[Annotated[str, fields.text()], ...], as_items] = _REDACTED


class WebSettings(Model):
    """Where the web page is served.

    Attributes:
      host: The address it listens on.
      port: The port; 0 takes a free one.
      token: The bearer token; None has one made up and printed at the start.
    """

    host: Annotated[str, fields.text("a host name or an address", r"\S+")] = "127.0.0.1"
    port: Annotated[int, fields.whole(0, 65_535)] = 8642
    token: Annotated[str | None, fields.or_empty(fields.text())] = Field(default=None, repr=False)
