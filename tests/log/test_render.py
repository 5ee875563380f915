from __future__ import annotations

import io
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstreams.log.lines import ordered
from workstreams.log.render import PrettyRenderer, json_line, renderer

LINE = ordered(
    {
        "ts": "2025-01-02T03:04:05.678901Z",
        "level": "info",
        "event": "sending",
        "app": "shop",
        "workstream": "mail",
        "job": "0190aaaa-0000-7000-8000-00000012abcd",
        "actor": "send_sms",
        "attempt": 1,
        "to": "x",
    }
)
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
NASTY = "\x1b[2J\x9b31m\r\n\x07\x7f\u202e\u2028"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text(), max_size=2), max_size=5))
def test_json_is_one_line_without_any_control_and_reads_back_the_same(fields: dict[str, object]) -> None:
    text = json_line(fields)
    assert not UNSAFE.search(text)
    assert orjson.loads(text) == fields


@given(
    st.dictionaries(st.text(), st.text() | st.lists(st.text(), max_size=2), max_size=5), st.text(), st.text()
)
def test_pretty_lets_no_control_through(fields: dict[str, object], event: str, name: str) -> None:
    line = ordered(fields | {"event": event, "workstream": name, "exception": event})
    for part in PrettyRenderer(colour=False)(line).split("\n"):
        assert not UNSAFE.search(part)


def test_what_is_escaped_can_still_be_read() -> None:
    text = PrettyRenderer(colour=False)(LINE | {"event": NASTY, "to": NASTY})
    assert "\\x1b[2J\\x9b31m\\r\\n\\x07\\x7f\\u202e\\u2028" in text
    assert "\\u001b[2J" in json_line(LINE | {"event": NASTY})


def test_pretty_is_columns_and_pairs() -> None:
    assert PrettyRenderer(colour=False)(LINE | {"text": "two words", "n": {"a": [1]}, "none": None}) == (
        "2025-01-02T03:04:05.678Z info     mail 0012abcd sending          "
        'actor=send_sms to=x text="two words" n={"a":[1]} none=null'
    )


def test_columns_stay_aligned_once_a_longer_name_was_seen() -> None:
    pretty = PrettyRenderer(colour=False)
    pretty(LINE | {"workstream": "newsletter"})
    assert "mail       0012abcd" in pretty(LINE)
    assert "日本       0012abcd" in pretty(LINE | {"workstream": "日本"})


def test_a_second_attempt_and_an_exception_are_shown() -> None:
    text = PrettyRenderer(colour=False)(
        LINE | {"attempt": 2, "exception": "Traceback:\n  \x1b[31mValueError"}
    )
    assert "attempt=2" in text
    assert text.splitlines()[1:] == ["    Traceback:", "      \\x1b[31mValueError"]


@pytest.mark.parametrize("value", [5, None, ["a"], {"b": 1}])
def test_fields_of_a_wrong_type_are_shown_all_the_same(value: object) -> None:
    assert PrettyRenderer(colour=True)(dict.fromkeys([*LINE, "exception"], value))


def test_a_terminal_gets_colours_and_a_file_gets_json() -> None:
    assert "\x1b[32m" in renderer(Terminal(), environ={})(LINE)
    assert orjson.loads(renderer(io.StringIO(), environ={})(LINE)) == LINE
    assert orjson.loads(renderer(Terminal(), "json", {})(LINE)) == LINE


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_color_and_a_dumb_terminal_get_none(environ: dict[str, str]) -> None:
    assert "\x1b" not in renderer(Terminal(), environ=environ)(LINE)
    assert "\x1b" not in renderer(io.StringIO(), "pretty", {})(LINE)


def test_levels_differ_in_colour() -> None:
    pretty = PrettyRenderer(colour=True)
    levels = ("debug", "info", "warning", "error", "critical")
    assert len({pretty(LINE | {"level": level}).replace(level, "") for level in levels}) == 5
