from __future__ import annotations

import pytest

from workstreams.send.priority import PRIORITIES, shift_of


def test_more_urgent_work_counts_as_having_arrived_earlier() -> None:
    assert shift_of("urgent") < shift_of("high") < shift_of("normal") == 0 < shift_of("low")


def test_an_unknown_priority_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=", ".join(PRIORITIES)):
        shift_of("asap")
