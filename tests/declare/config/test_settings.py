"""Settings of log lines and of the web page."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Build, Refused


def test_logs_have_the_documented_defaults(build: Build) -> None:
    logs = build().logs
    assert (logs.level, logs.format) == ("info", "auto")
    assert logs.redact == ("password", "token", "secret", "authorization", "api_key")


def test_the_web_page_has_the_documented_defaults(build: Build) -> None:
    web = build().web
    assert (web.host, web.port, web.token) == ("127.0.0.1", 8642, None)


def test_an_empty_token_is_none(build: Build) -> None:
    assert build(web={"token": ""}).web.token is None


def test_a_token_is_not_printed_with_its_settings(build: Build) -> None:
    config = build(web={"token": "hunter2"}, redis="redis://:swordfish@localhost")
    assert config.web.token == "hunter2"
    assert "hunter2" not in repr(config)
    assert "swordfish" not in repr(config)


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("logs: {level: wraning}", "logs.level", 'did you mean "warning"?'),
        ("logs: {format: jsn}", "logs.format", 'did you mean "json"?'),
        ("logs: {redact: [5]}", "logs.redact[0]", "put it in quotes"),
        ("web: {port: 65536}", "web.port", ""),
        ("web: {host: a b}", "web.host", ""),
        ("web: 8642", "web", "keys are host, port, token"),
    ],
)
def test_a_wrong_setting_is_refused(refused: Refused, text: str, path: str, hint: str) -> None:
    [problem] = refused(text)
    assert (problem.path, problem.hint) == (path, hint)
