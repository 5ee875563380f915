"""Keys take turns in a short run of what the command measures; what that cost is shown, and not judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from tests.figures.__main__ import main
from tests.figures.arrivals import compare
from tests.figures.project import a_server
from tests.figures.shares import Turns, broken_of, jain, share
from tests.lua.rig import Rig


@pytest.mark.timeout(180)
def test_no_key_starves_another_nothing_is_lost_and_idle_keys_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["fair", "--only", "shares", "--scale", "0.01"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 4
    assert all(row["lost"] == row["left_behind"] == 0 and row["started"] > 1_000 for row in rows)
    assert [row["windows"] for row in rows[1:]] == [5, 5, 5]


@pytest.mark.timeout(180)
def test_the_server_does_as_much_for_a_start_with_many_keys_as_with_few(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = ["--rounds", "2", "--calls", "20", "--keys", "20", "400"]
    assert main(["fair", "--only", "cost", *short]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    few, many = (
        [row["start_commands"] for row in rows if row["limits"] == "all" and row["keys"] == keys]
        for keys in (20, 400)
    )
    assert few == pytest.approx(many, rel=0.1), "commands, and not times"


@pytest.mark.timeout(180)
def test_no_arrival_beside_a_whale_is_left_waiting() -> None:
    with a_server() as url:
        row = compare(url, "half of it per key", seconds=1.5)
    assert row["never_started"] == 0
    assert int(str(row["arrivals"])) > 10


def test_weights_are_shares_of_turns(shared_client: redis.Redis, tmp_path: Path) -> None:
    weights = {"tenant-00000": 5, "tenant-00001": 3}
    row = share(Rig(shared_client, tmp_path), 20, 40, 400, {"weights": weights})
    assert broken_of(row) == []


def turns_of(starts: str, left: int = 30, **weights: float) -> Turns:
    turns = Turns(dict.fromkeys(set(starts), left), weights)
    for key in starts:
        turns.note(key)
    return turns


def test_taking_turns_is_even() -> None:
    turns = turns_of("ab" * 30)
    assert turns.gap == 1
    assert turns.indices == [1, 1]


def test_who_waits_for_another_is_seen_in_the_gap_and_in_the_index() -> None:
    turns = turns_of("aaab" * 10, left=31)
    assert turns.gap == 21
    assert turns.indices == [pytest.approx(0.8)]


def test_who_has_nothing_left_is_behind_nobody() -> None:
    assert turns_of("ab" * 5 + "a" * 20, left=5 + 20).gap == 19
    turns = Turns({"a": 25, "b": 5})
    for key in "ab" * 5 + "a" * 20:
        turns.note(key)
    assert turns.gap == 1


def test_a_weight_is_so_many_starts_a_turn() -> None:
    assert turns_of("aaab" * 5, a=3).gap == pytest.approx(1)


def test_jains_index_is_one_when_all_have_the_same_and_a_share_when_one_has_everything() -> None:
    assert jain({"a": 4, "b": 4}) == 1
    assert jain({"a": 4, "b": 0, "c": 0, "d": 0}) == 0.25


def test_each_unfairness_is_told() -> None:
    fine = {"small_keys": 1, "jobs_each": 1, "whale_jobs": 1, "lost": 0, "largest_gap": 2.0}
    fine |= {"least_jain": 0.99, "left_behind": 0}
    assert broken_of(fine) == []
    for change in ({"lost": 1}, {"largest_gap": 2.5}, {"least_jain": 0.9}, {"left_behind": 1}):
        assert len(broken_of({**fine, **change})) == 1
