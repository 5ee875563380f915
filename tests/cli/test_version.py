from __future__ import annotations

import json

from tests.cli.conftest import Command


def test_versions_of_everything_that_matters_are_told(call: Command) -> None:
    versions = call("version", "--json").objects()[0]
    assert {"workstreams", "dramatiq", "redis", "python", "engine"} <= set(versions)
    assert "unknown" not in versions.values()
    plain = call("version")
    assert (plain.code, len(plain.out.splitlines())) == (0, len(versions))


def test_the_schema_is_json_and_needs_no_config(call: Command) -> None:
    ended = call("schema")
    assert ended.code == 0
    schema = json.loads(ended.out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "workstreams" in schema["properties"]
