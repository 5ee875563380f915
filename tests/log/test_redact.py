from __future__ import annotations

from typing import Any

import pytest

from workstreams.log.redact import REDACTED, Redactor, redacted

NAMES = ["password", "token", "secret", "authorization", "api_key"]


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "user_password", "password_hash", "userPassword", "Authorization",
        "proxy-authorization", "api_key", "X-Api-Key", "apiKey", "APIKey", "apikey", "xapikey", "API_KEY_2",
        "authtoken", "access_token", "passwords", "api_keys", "client secret",
    ],
)  # fmt: skip  # a word a line would fill a screen
def test_a_key_that_is_named_like_a_secret_is_one(key: str) -> None:
    assert redacted({key: "hunter2"}, NAMES) == {key: REDACTED}


@pytest.mark.parametrize(
    "key", ["key", "api", "secretary", "tokenizer", "monkey", "author", "pass", "keyapi", "", "…"]
)
def test_a_key_that_only_looks_like_one_is_shown(key: str) -> None:
    assert redacted({key: "shown"}, NAMES) == {key: "shown"}


def test_a_count_of_tokens_is_no_secret_but_a_numeric_password_is() -> None:
    assert redacted({"tokens": 1200, "prompt_tokens": 7}, NAMES) == {"tokens": 1200, "prompt_tokens": 7}
    assert redacted({"password": 1234, "tokens": ["a"]}, NAMES) == {"password": REDACTED, "tokens": REDACTED}


def test_secrets_are_found_at_any_depth_and_the_rest_stays() -> None:
    payload = {"args": [1, {"headers": {"X-Api-Key": "abc", "Accept": "*"}}], "kwargs": {"to": "x"}}
    shown = redacted(payload, NAMES)
    assert shown == {"args": [1, {"headers": {"X-Api-Key": REDACTED, "Accept": "*"}}], "kwargs": {"to": "x"}}
    assert payload["args"][1]["headers"]["X-Api-Key"] == "abc"  # type: ignore[index]  # built above


def test_what_lies_too_deep_to_look_at_is_not_shown() -> None:
    value: Any = {"password": "hunter2"}
    for _ in range(30):
        value = [value]
    assert "hunter2" not in str(redacted(value, NAMES))


def test_no_names_redact_nothing() -> None:
    assert redacted({"password": "shown"}, []) == {"password": "shown"}
    assert redacted({"password": "shown"}, ["", "-"]) == {"password": "shown"}
    assert Redactor(["token"]).is_secret("token")
