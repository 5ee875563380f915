"""Variables in values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.declare.config.conftest import Build, Refused
from workstreams.declare.config.interpolation import MissingVariable, interpolate


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${A}", "1"),
        ("x${A}y${A}z", "x1y1z"),
        ("${B:-2}", "2"),
        ("${A:-2}", "1"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${B:-a b:c/d@e}", "a b:c/d@e"),
        ("$${A}", "${A}"),
        ("$A $ {A} $$", "$A $ {A} $$"),
        ("${NESTED}", "${A}"),
    ],
)
def test_a_reference_is_replaced_by_its_variable_or_its_fallback(text: str, result: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": "", "NESTED": "${A}"}).text == result


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A-b}", "${A:-${B}}", "${A B}"])
def test_a_reference_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(MissingVariable, match=r"\$\{NAME:-fallback\}"):
        interpolate(text, {"A": "1", "B": "2"})


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MissingVariable, match="the variable NOWHERE to be set"):
        interpolate("x${NOWHERE}", {})


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_text_raises_anything_but_a_missing_variable(text: str, environ: dict[str, str]) -> None:
    try:
        result = interpolate(text, environ)
    except MissingVariable:
        assert "${" in text
    else:
        assert result.text == text or "${" in text


def test_an_unquoted_variable_has_the_type_of_what_it_holds(load: Build) -> None:
    mail = load(
        """
        workstreams:
          mail:
            concurrency: ${N}
            paused: ${P}
            timeout: ${T:-30s}
            rate: ${R}/s
        """,
        {"N": "7", "P": "true", "R": "10"},
    ).workstream("mail")
    assert (mail.concurrency, mail.paused, mail.timeout, mail.rates[0].permits) == (7, True, 30_000_000, 10)


def test_a_whole_workstream_may_be_a_variable(load: Build) -> None:
    assert load("workstreams:\n  mail: ${N}\n", {"N": "7"}).workstream("mail").concurrency == 7


def test_a_quoted_variable_is_text(refused: Refused) -> None:
    [problem] = refused('workstreams: {mail: {concurrency: "${N}"}}', {"N": "7"})
    assert (problem.found, problem.hint) == ('"7"', "write it without quotes; from ${N}")


def test_a_wrong_value_out_of_a_variable_names_the_variable(refused: Refused) -> None:
    [problem] = refused("logs:\n  level: ${LEVEL}\n", {"LEVEL": "loud"})
    assert (problem.found, problem.hint, problem.line) == ('"loud"', "from ${LEVEL}", 2)


def test_a_missing_variable_is_told_once_with_its_line(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  mail:\n    rate: ${RATE}\n    burst: 1\n")
    assert (problem.line, problem.path) == (3, "workstreams.mail.rate")
    assert (problem.expected, problem.hint) == (
        "the variable RATE to be set",
        "set it, or write ${RATE:-fallback}",
    )


def test_keys_are_left_as_they_are(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  ${N}: 5\n", {"N": "mail"})
    assert problem.found == '"${N}"'


def test_a_variable_between_braces_is_told_to_get_quotes(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  mail: {concurrency: ${N}}\n", {"N": "5"})
    assert (problem.line, problem.hint) == (2, 'put "${…}" in quotes between { } or [ ]')


@pytest.mark.parametrize(
    "text",
    [
        "web:\n  token: [${X}]\n".replace("[${X}]", '["${X}"]'),
        'web: {token: "${X}\\n"}',
        "redis: redis://:${X}@localhost:port",
        "redis: redis://user:${X}/with@slash@:port",
        "redis: redis://localhost:port?password=${X}",
        "redis: ${REDIS_PASSWORD}",
        "app: ${API_TOKEN}",
        "web:\n  port: ${MY_SECRET}\n",
        "web:\n  passwd: ${X}\n",
    ],
)
def test_a_secret_out_of_a_variable_is_never_printed(refused: Refused, text: str) -> None:
    secret = "hunter2 hunter2"
    names = ("X", "REDIS_PASSWORD", "API_TOKEN", "MY_SECRET")
    problems = refused(text, dict.fromkeys(names, secret))
    assert problems
    assert not [problem for problem in problems if "hunter2" in str(problem)]


def test_a_secret_out_of_the_environment_is_never_printed(refused: Refused) -> None:
    environ = {"WORKSTREAMS_WEB__TOKEN": "hunter2\n", "WORKSTREAMS_REDIS": "redis://:hunter2@h:port"}
    assert "hunter2" not in "".join(map(str, refused("", environ)))
    assert len(refused("", environ)) == 2


def test_a_refused_secret_is_not_in_the_cause_of_the_error_either(load: Build) -> None:
    with pytest.raises(Exception, match="expected") as caught:
        load("", {"WORKSTREAMS_WEB__TOKEN": "hunter2\n"})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
