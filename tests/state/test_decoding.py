from __future__ import annotations

import pytest

from workstreams.state.decoding import moment, stamp_or_none, text, whole


@pytest.mark.parametrize("value", [None, b"", b"-1", b"1.5", b"1e5", b"\xff", b" 1", b"9" * 19, "²"])
def test_what_is_no_whole_number_is_none(value: bytes | str | None) -> None:
    assert whole(value) is None


def test_whole_numbers_are_read_from_bytes_and_text() -> None:
    assert (whole(b"42"), whole("42"), whole(b"0")) == (42, 42, 0)


@pytest.mark.parametrize("value", [b"0", b"999999999999999999", b"", None])
def test_what_no_calendar_holds_is_no_moment(value: bytes | None) -> None:
    assert moment(value) is None


def test_every_moment_can_be_written() -> None:
    assert (stamp_or_none(moment(str(2**57))) or "").startswith("6536-")
    assert moment(str(2**57 + 1)) is None
    assert stamp_or_none(moment(b"1")) == "1970-01-01T00:00:00.000001Z"
    assert stamp_or_none(None) is None


def test_text_that_is_none_or_no_utf8_is_text_all_the_same() -> None:
    assert (text(None), text(b"\xff")) == ("", "\ufffd")
