"""A fleet that waits keeps its limit and loses nothing; how little it asks is shown, and judged elsewhere."""

from __future__ import annotations

import json

import pytest

from tests.figures.__main__ import main


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "case", ["a fleet on one limit", "an idle fleet of ten workstreams", "two processes, burst 1"]
)
def test_a_fleet_that_waits_exceeds_no_limit_and_loses_nothing(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quiet", "--only", case, "--processes", "4", "--seconds", "1.5"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert row["lost"] == row["too_many"] == 0
    assert (row["started"] > 0) == (case != "an idle fleet of ten workstreams")
