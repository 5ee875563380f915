"""The JSON Schema takes what the reader takes, and refuses what it refuses by itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from workstreams.declare.config.schema import json_schema

SCHEMA = json_schema()
_TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}


def _is(value: object, kind: str) -> bool:
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
    return isinstance(value, _TYPES[kind])


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    """As much of JSON Schema as ours uses; an unknown keyword is an error, so that nothing is let through."""
    checks: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda of: _accepts(SCHEMA["$defs"][of.removeprefix("#/$defs/")], value),
        "anyOf": lambda of: any(_accepts(one, value) for one in of),
        "type": lambda of: any(_is(value, kind) for kind in ([of] if isinstance(of, str) else of)),
        "enum": lambda of: value in of,
        "pattern": lambda of: not isinstance(value, str) or re.search(of, value) is not None,
        "maxLength": lambda of: not isinstance(value, str) or len(value) <= of,
        "minimum": lambda of: not _is(value, "number") or value >= of,
        "maximum": lambda of: not _is(value, "number") or value <= of,
        "exclusiveMinimum": lambda of: not _is(value, "number") or value > of,
        "items": lambda of: not isinstance(value, list) or all(_accepts(of, item) for item in value),
        "required": lambda of: not isinstance(value, dict) or all(key in value for key in of),
        "properties": lambda of: (
            not isinstance(value, dict)
            or all(_accepts(of[key], item) for key, item in value.items() if key in of)
        ),
        "additionalProperties": lambda of: (
            not isinstance(value, dict)
            or all(
                _accepts(of, value[key]) if of else False
                for key in value.keys() - schema.get("properties", {}).keys()
            )
        ),
    }
    silent = {"$schema", "$id", "$defs", "description", "default"}
    return all(checks[keyword](of) for keyword, of in schema.items() if keyword not in silent)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {
            "app": "shop",
            "version": 3,
            "import": "a.b",
            "path": ["..", "x"],
            "state_dir": "s",
            "redis": "embedded",
        },
        {"limits": {"a": {"rate": "20/s"}, "b": {"rate": ["20/s", {"rate": "1/m", "burst": 1}]}}},
        {"workstreams": {"mail": 5, "crm": None, "sms": {"retries": 5, "within": "a", "concurrency": None}}},
        {"workstreams": {"mail": {"retries": {"max": 1, "jitter": 0}, "keep": {"done": {"age": "1h"}}}}},
        {"workstreams": {"mail": {"concurrency": "${N}", "rate": "${R}/s", "paused": "${P}"}, "crm": "${N}"}},
        {"defaults": {"threads": 8, "timeout": "10m"}},
        {"worker": {"processes": 2, "lease": "15s"}},
        {"worker": {"pools": {"main": {"processes": 2}, "cpu": 1}, "recycle": {"memory": "1GiB"}}},
        {"logs": {"level": "info", "redact": ["a"]}, "web": {"port": 1, "token": ""}},
        {"workstreams": {"mail": {"rate": "9/s", "per_key": {"rate": "1/s", "weights": {"gold": 5}}}}},
        {"limits": {"a": {"rate": "9/s", "on_rate_limited": {"back_off": 0.5, "min": "1/s"}}}},
        {"limits": None, "workstreams": None},
    ],
)
def test_what_a_file_may_say_is_accepted(document: dict[str, object]) -> None:
    assert _accepts(SCHEMA, document)


@pytest.mark.parametrize(
    "document",
    [
        {"wrkstreams": {}},
        {"limits": {"a": 5}},
        {"limits": {"a": {"rate": "20"}}},
        {"workstreams": {"mail": 0}},
        {"workstreams": {"mail": True}},
        {"workstreams": {"mail": {"timeout": 30}}},
        {"workstreams": {"mail": {"timeout": "30"}}},
        {"workstreams": {"mail": {"threads": 0}}},
        {"workstreams": {"mail": {"concurency": 1}}},
        {"workstreams": {"mail": {"max_payload": "1KB"}}},
        {"logs": {"level": "loud"}},
        {"web": {"port": 65_536}},
        {"worker": {"pools": {"main": 0}}},
    ],
)
def test_what_the_reader_refuses_is_refused(document: dict[str, object]) -> None:
    assert not _accepts(SCHEMA, document)


@pytest.mark.parametrize(
    "document",
    [
        {"schedules": {"a": {"actor": "x", "every": "1s"}}},
        {"workstreams": {"mail": {"shard": "eu"}}},
    ],
)
def test_what_a_later_version_takes_is_not_offered(document: dict[str, object]) -> None:
    assert not _accepts(SCHEMA, document)


def test_defaults_are_written_as_a_file_would() -> None:
    properties = SCHEMA["$defs"]["Workstream"]["anyOf"][0]["properties"]
    assert (properties["timeout"]["default"], properties["max_payload"]["default"]) == ("10m", "256KiB")
    assert (properties["threads"]["default"], properties["paused"]["default"]) == (8, False)


def test_every_default_is_accepted_by_its_own_schema() -> None:
    checked = 0
    for definition in [SCHEMA, *SCHEMA["$defs"].values()]:
        for body in definition.get("anyOf", [definition]):
            for schema in body.get("properties", {}).values():
                if "default" in schema:
                    assert _accepts(schema, json.loads(json.dumps(schema["default"])))
                    checked += 1
    assert checked > 30


def test_it_is_json_and_each_one_is_a_copy() -> None:
    first = json_schema()
    first["properties"].clear()
    assert json.loads(json.dumps(json_schema())) == SCHEMA
