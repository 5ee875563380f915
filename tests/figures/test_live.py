"""No start follows a limit that was changed; how soon the new one is reached is shown, and not judged."""

from __future__ import annotations

import json

import pytest

from tests.figures.__main__ import main
from tests.figures.live import Step, allowed_at, until, violations

STEPS = [Step(5, 0, 0), Step(2, 100, 110), Step(9, 200, 210)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("limit", ["rate", "concurrency"])
def test_no_start_follows_the_old_limit_and_nothing_is_lost(
    limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live", "--only", limit, "--seconds", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["violations"] for row in rows] == [0, 0]
    assert all(row["lost"] == 0 and row["starts_after"] for row in rows)


def test_while_a_change_is_on_its_way_either_value_may_be_followed() -> None:
    asked = [allowed_at(STEPS, at) for at in (0, 99, 100, 109, 110, 199, 200, 210)]
    assert asked == [5, 5, 5, 5, 2, 2, 9, 9]


def test_a_start_after_the_answer_is_held_against_the_new_value() -> None:
    four = [(0, 150), (1, 150), (2, 150), (105, 300)]
    assert violations(four, STEPS) == []
    assert violations([*four, (111, 300)], STEPS) == [111]


def test_what_ended_before_the_next_began_does_not_count_beside_it() -> None:
    assert violations([(at, at + 10) for at in range(110, 190, 5)], STEPS) == []
    assert violations([(at, at + 11) for at in range(110, 190, 5)], STEPS) != []


def test_a_higher_value_is_reached_with_the_start_that_fills_it() -> None:
    spans = [(120_000 + number * 1_000, 900_000) for number in range(9)]
    assert until(spans, Step(9, 100_000, 110_000), upward=True) == 18.0
    assert until(spans, Step(10, 100_000, 110_000), upward=True) is None


def test_a_lower_value_is_reached_when_enough_has_ended() -> None:
    spans = [(0, 105_000), (0, 130_000), (0, 140_000), (0, 990_000)]
    assert until(spans, Step(2, 100_000, 110_000), upward=False) == 20.0
    assert until(spans, Step(3, 100_000, 110_000), upward=False) == 0.0
