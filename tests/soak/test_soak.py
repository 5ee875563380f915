from __future__ import annotations

import pytest

from tests.soak.__main__ import main
from tests.soak.levels import Levels

LEVELS = Levels(50_000, 60_000, 14_000, 10_000, 27, 25, 4, 1)


@pytest.mark.timeout(180)
def test_nothing_grows_with_the_number_of_jobs() -> None:
    assert main(["--jobs", "40000", "--parts", "4"]) == 0


def test_growth_is_seen_in_whatever_grows_and_not_in_time() -> None:
    grown = Levels(60_000, 60_100, 14_100, 20_000, 40, 25, 40, 100)
    assert grown.grown_since(LEVELS) == ["worker_kib", "keys", "threads", "files"]
    assert LEVELS.grown_since(LEVELS) == []
