"""What the models refuse is told in our own words only."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.declare.config.conftest import Refused
from workstreams.declare.config import config_from_mapping
from workstreams.declare.config.config import Config
from workstreams.declare.config.explain import keys_at
from workstreams.declare.config.schema import json_schema
from workstreams.errors import ConfigError

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["10/s", "30s", "1MiB", "main", "a", "UTC", "${X}", "redis://h"]),
)


def _keys(schema: object) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_keys, schema))
    if not isinstance(schema, dict):
        return set()
    properties = schema.get("properties", {})
    return set(properties).union(*map(_keys, schema.values()))


_KEYS = st.sampled_from(
    sorted(_keys(json_schema()) | {"a", "b", "per_key", "schedules", "cron", "shard", "weights"})
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=12,
)
_WORDS_OF_PYDANTIC = ("Input should", "valid", "pydantic", "type=", "Extra inputs", "Field required")


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=st.dictionaries(_KEYS, _VALUES, max_size=5))
def test_any_document_is_a_config_or_problems_in_our_words(
    document: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> None:
    try:
        config_from_mapping(document, tmp_path_factory.getbasetemp())
    except ConfigError as error:
        text = "" if not error.problems else str(error)
    else:
        text = "expected nothing else"
    assert "expected " in text
    assert "another kind of value" not in text
    assert not [word for word in _WORDS_OF_PYDANTIC if word in text]


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "import"),
        (("workstreams", "x"), "within"),
        (("workstreams", "x", "rate", 0), "burst"),
        (("workstreams", "x", "per_key"), "weights"),
        (("workstreams", "x", "keep", "logs"), "size"),
        (("worker", "pools", "x"), "processes"),
    ],
)
def test_the_known_keys_of_every_section_are_found(place: tuple[str | int, ...], key: str) -> None:
    assert key in keys_at(Config, place)


def test_an_unknown_key_like_no_other_is_answered_with_all(refused: Refused) -> None:
    [problem] = refused("logs: {zzz: 1}")
    assert (problem.path, problem.hint) == ("logs.zzz", "known are level, format, redact")


@pytest.mark.parametrize(
    ("text", "path", "close"),
    [
        ("workstreams: {a: {concurency: 1}}", "workstreams.a.concurency", "concurrency"),
        ("workstreams: {a: {keep: {dead: {cuont: 1}}}}", "workstreams.a.keep.dead.cuont", "count"),
        ("limits: {a: {rate: [{rate: 1/s, brust: 1}]}}", "limits.a.rate[0].brust", "burst"),
        ("worker: {pools: {main: {proceses: 1}}}", "worker.pools.main.proceses", "processes"),
    ],
)
def test_an_unknown_key_at_any_depth_is_answered_with_the_nearest(
    refused: Refused, text: str, path: str, close: str
) -> None:
    [problem] = refused(text)
    assert (problem.path, problem.hint) == (path, f'did you mean "{close}"?')
