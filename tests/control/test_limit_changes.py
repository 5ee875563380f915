"""A change that has no meaning is refused whoever asks for it, not only by the command."""

from __future__ import annotations

import pytest

from tests.control.conftest import Desk
from workstreams.control import LimitChange, change_limit
from workstreams.errors import ConfigError
from workstreams.state import read_limits


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            LimitChange(concurrency=0),
            r"--concurrency: expected .* at least 1, found 0 \(to stop it, pause it\)",
        ),
        (LimitChange(concurrency=-1), "--concurrency: expected a whole number of at least 1, found -1"),
        (LimitChange(burst=0), "--burst: expected a whole number of at least 1, found 0"),
    ],
)
def test_fewer_than_one_is_refused_and_changes_nothing(
    desk: Desk, change: LimitChange, sentence: str
) -> None:
    desk.declare(mail={"rate": "5/s", "concurrency": 3})
    with pytest.raises(ConfigError, match=sentence):
        change_limit(desk.link, desk.config, "mail", change)
    [state] = read_limits(desk.link, desk.config, [("mail", "")])
    assert state.overridden == ()
