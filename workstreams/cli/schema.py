"""``workstreams schema``: the JSON Schema of the config."""

from __future__ import annotations

from workstreams.cli.screen import say

__all__ = ["NAME", "command"]

NAME = "schema"


def command() -> None:
    """Print the JSON Schema of the config, for editors."""
    import orjson

    from workstreams.declare.config import json_schema

    say(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
