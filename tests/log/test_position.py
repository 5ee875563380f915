from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstreams.errors import ConfigError
from workstreams.log.lines import stamp
from workstreams.log.position import HOLD, Position, entry_before, parse_position, position_of

MS = 1_700_000_000_000


@given(
    st.integers(0, 10**15),
    st.integers(0, 10**12),
    st.integers(0, 2**64 - 1),
    st.integers(0, 64),
    st.text(max_size=9),
)
def test_a_cursor_reads_back_the_same(time: int, ms: int, sequence: int, nth: int, name: str) -> None:
    position = Position(time, ms, sequence, nth, name)
    assert parse_position(str(position)) == position


@pytest.mark.parametrize(
    "text",
    ["", "12", "1.2.3", "a.b.c.d.e", "1.2.3.mail", "-1.0.0.0.mail", "9" * 40 + ".1.1.0.x", "1 .2.3.4.x"],
)
def test_what_is_no_cursor_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="expected the cursor of a line"):
        parse_position(text)


def test_a_line_stands_where_it_happened_and_not_where_it_arrived() -> None:
    written = MS * 1000 - 40_000
    assert position_of(b"%d-3" % MS, 2, stamp(written), "mail") == Position(written, MS, 3, 2, "mail")


@given(st.integers(-(10**15), 10**15))
def test_a_wrong_clock_moves_a_line_by_no_more_than_the_hold(error: int) -> None:
    us = min(max(MS * 1000 + error, 0), 10**17)
    time = position_of(b"%d-0" % MS, 0, stamp(us), "mail").time
    assert MS * 1000 - HOLD <= time <= MS * 1000 + 999


def test_the_entry_before_a_time_excludes_nothing_that_stands_at_it() -> None:
    assert entry_before(MS * 1000 + 5) == b"%d-%d" % (MS - 1, 2**64 - 1)
    assert entry_before(0) == entry_before(-5) == b"0-0"
