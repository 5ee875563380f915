"""The JSON Schema of the config, for editors: what a file may hold, shorthands included."""

from __future__ import annotations

from typing import Any

from workstreams.declare.config.config import Config
from workstreams.declare.config.fields import DURATION_PATTERN, SIZE_PATTERN
from workstreams.declare.config.later import LATER
from workstreams.declare.config.worker import Pool
from workstreams.declare.config.workstream import Workstream
from workstreams.units import format_duration, format_size

__all__ = ["json_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ID = "urn:workstreams:config"


def json_schema() -> dict[str, Any]:
    """What ``workstreams schema`` prints.

    Returns:
      A JSON Schema, draft 2020-12, that accepts what this version accepts in one file.
    """
    whole = Config.model_json_schema(by_alias=True)
    definitions, schema = whole["$defs"], _body(whole)
    schema["properties"]["defaults"] = {"$ref": f"#/$defs/{Workstream.__name__}"}
    schema.pop("required")  # A folder to keep state in is found when none is given.
    _body(definitions["WorkerSettings"])["properties"]["processes"] = {"$ref": f"#/$defs/{Pool.__name__}"}
    _forget_later(schema, definitions)
    _for_editors(definitions)
    _for_editors(schema)
    return {"$schema": _DIALECT, "$id": _ID, **schema, "$defs": definitions}


def _body(definition: dict[str, Any]) -> dict[str, Any]:
    return next(part for part in definition.get("anyOf", [definition]) if "properties" in part)


def _forget_later(schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Leave out what this version refuses, so that an editor does not offer it."""
    for path in LATER:
        if path[0] == "workstreams":
            _body(definitions["Workstream"])["properties"].pop(path[-1], None)
        else:
            schema["properties"].pop(path[0], None)


def _for_editors(schema: Any) -> None:
    """Write defaults as a file would, and leave out what only this package's source is for."""
    if isinstance(schema, list):
        for item in schema:
            _for_editors(item)
    if not isinstance(schema, dict):
        return
    for value in schema.values():
        _for_editors(value)
    if isinstance(schema.get("title"), str):
        del schema["title"]
    if isinstance(schema.get("description"), str):
        schema["description"] = schema["description"].partition("\n")[0]
    default = schema.get("default")
    if isinstance(default, dict):
        del schema["default"]  # That of a section is in its keys.
    elif isinstance(default, int) and not isinstance(default, bool):
        schema["default"] = _as_written(default, schema)


def _as_written(default: int, schema: dict[str, Any]) -> int | str:
    patterns = [part.get("pattern") for part in schema.get("anyOf", [schema])]
    if DURATION_PATTERN in patterns:
        return format_duration(default)
    return format_size(default) if SIZE_PATTERN in patterns else default
