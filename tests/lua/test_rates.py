"""Promise I2: a rate holds in every window, and the whole of it can be used."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from tests.lua.rig import BEGIN, SECOND, Rig


def most_within(starts: Sequence[int], window: int) -> int:
    """The largest number of starts in any window (t − window, t]."""
    most, first = 0, 0
    for last, at in enumerate(starts):
        while starts[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def drive(rig: Rig, ws: str, seconds: float, asked: int = 100, late: int = 0) -> list[int]:
    """Ask whenever told, *late* µs after it, under a backlog; returns the time of each start."""
    starts: list[int] = []
    while rig.now < BEGIN + seconds * SECOND:
        answer = rig.ask("s1", ws, asked)
        starts += [given.started for given in answer.grants]
        if answer.grants:
            rig.tell("s1", *(given.end("done") for given in answer.grants))
        rig.advance(max(answer.wait[ws], 0) + late)
    return [start for start in starts if start < BEGIN + seconds * SECOND]


@pytest.fixture
def busy(rig: Rig) -> Rig:
    rig.open("s1")
    return rig


@pytest.mark.parametrize(
    ("rate", "permits", "window", "seconds"),
    [
        ("1/s", 1, SECOND, 20),
        ("10/s", 10, SECOND, 8),
        ("50/s", 50, SECOND, 5),
        ("30/10s", 30, 10 * SECOND, 60),
    ],
)
def test_a_rate_holds_in_every_window_and_is_used_in_full(
    busy: Rig, rate: str, permits: int, window: int, seconds: int
) -> None:
    busy.publish(mail={"rate": rate})
    for _ in range(3):
        busy.send("mail", permits * seconds * SECOND // window)
    starts = drive(busy, "mail", seconds)
    margin = min(window // 100, 20_000)
    assert most_within(starts, window + margin) == permits
    assert len(starts) >= 0.99 * permits * seconds * SECOND / (window + margin)


def test_a_burst_of_one_spaces_starts_evenly_and_loses_nothing_to_late_wake_ups(busy: Rig) -> None:
    busy.publish(mail={"rate": "50/s", "burst": 1, "margin": "10ms"})
    for _ in range(3):
        busy.send("mail", 200)
    starts = drive(busy, "mail", 10, late=1_500)
    assert len(set(starts)) == len(starts)
    assert most_within(starts, SECOND + 10_000) <= 50
    assert len(starts) >= 0.99 * 50 * 10 * SECOND / (SECOND + 10_000)
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    # The spacing, less the slack that a late wake-up may use.
    assert min(gaps) >= (SECOND + 10_000) / 50 - 5_000


def test_a_burst_bounds_what_starts_at_one_instant(busy: Rig) -> None:
    busy.publish(mail={"rate": "10/s", "burst": 3})
    busy.send("mail", 30)
    assert len(busy.ask("s1", "mail", 30).grants) == 3
    assert len(busy.ask("s1", "mail", 30).grants) == 0
    busy.advance(101_000)
    assert len(busy.ask("s1", "mail", 30).grants) == 1


def test_a_window_of_thousands_is_kept_in_a_hundred_cells_and_loses_one_percent_at_most(busy: Rig) -> None:
    busy.publish(mail={"rate": "2000/s"})
    for _ in range(36):
        busy.send("mail", 250)
    starts = drive(busy, "mail", 4, asked=40, late=3_000)
    span = SECOND + 10_000
    assert most_within(starts, span) <= 2_000
    assert len(starts) >= 0.98 * 2_000 * 4 * SECOND / span
    assert busy.client.llen(busy.keys.limit("mail", "log", str(SECOND))) <= 102


def test_every_one_of_several_rates_holds(busy: Rig) -> None:
    busy.publish(mail={"rate": ["5/s", "12/4s"]})
    busy.send("mail", 100)
    starts = drive(busy, "mail", 12)
    assert most_within(starts, SECOND) == 5
    assert most_within(starts, 4 * SECOND) == 12
    assert len(starts) == 36


def test_a_shared_rate_holds_over_all_workstreams_within_it(busy: Rig) -> None:
    busy.publish(limits={"api": {"rate": "5/s"}}, mail={"within": ["api"]}, text={"within": ["api"]})
    busy.send("mail", 10)
    busy.send("text", 10)
    answer = busy.exchange(busy.call("s1", {"mail": 3, "text": 10}))
    assert answer is not None
    assert [given.ws for given in answer.grants] == ["mail"] * 3 + ["text"] * 2
    assert (answer.why["text"], answer.wait["text"]) == ("rate", SECOND + 10_000)


def test_the_told_time_is_exactly_when_the_next_may_start(busy: Rig) -> None:
    busy.publish(mail={"rate": "2/s"})
    busy.send("mail", 5)
    assert len(busy.ask("s1", "mail", 1).grants) == 1
    busy.advance(300_000)
    assert len(busy.ask("s1", "mail", 1).grants) == 1
    wait = busy.ask("s1", "mail", 1).wait["mail"]
    assert wait == SECOND + 10_000 - 300_000
    busy.advance(wait - 1)
    assert not busy.ask("s1", "mail", 1).grants
    busy.advance(1)
    assert busy.ask("s1", "mail", 1).grants


def test_a_cost_is_charged_in_full_and_waits_for_room_for_all_of_it(busy: Rig) -> None:
    busy.publish(mail={"rate": "5/s"})
    busy.send("mail", 1, cost=3)
    busy.send("mail", 1, cost=3)
    answer = busy.ask("s1", "mail", 5)
    assert len(answer.grants) == 1
    assert answer.wait["mail"] == SECOND + 10_000


def test_costs_below_one_share_a_permit(busy: Rig) -> None:
    busy.publish(mail={"rate": "1/s"})
    busy.send("mail", 5, cost=0.25)
    assert len(busy.ask("s1", "mail", 5).grants) == 4


@pytest.mark.parametrize("rate", ["10/s", "100/s"])
def test_costs_below_one_do_not_pass_a_burst(busy: Rig, rate: str) -> None:
    busy.publish(mail={"rate": rate, "burst": 1})
    busy.send("mail", 10, cost=0.25)
    given = len(busy.ask("s1", "mail", 10).grants) + len(busy.ask("s1", "mail", 10).grants)
    assert given == 4


def test_a_job_dearer_than_the_burst_starts_alone_when_the_burst_is_free(busy: Rig) -> None:
    busy.publish(mail={"rate": "10/s", "burst": 2})
    dear, *cheap = busy.send("mail", 1, cost=5) + busy.send("mail", 9)
    assert busy.ask("s1", "mail", 9).ids == [dear]
    # It used five places; the next one is free when four of them have passed.
    wait = busy.ask("s1", "mail", 9).wait["mail"]
    assert 399_000 <= wait <= 404_000
    busy.advance(wait)
    assert busy.ask("s1", "mail", 9).ids == cheap[:1]


def test_a_filled_call_wakes_nobody_for_a_place_that_is_not_free_yet(rig: Rig) -> None:
    rig.publish(mail={"rate": "10/s", "burst": 1})
    for sid in ("s1", "s2"):
        rig.open(sid, "mail")
    rig.send("mail", 5)
    first = rig.ask("s1", "mail").grants
    rig.advance(rig.ask("s2", "mail").wait["mail"])
    ears = rig.listen("s1", "s2")
    assert rig.ask("s1", "mail", 1, [first[0].end("done")]).grants
    # The sleeper is given the timer, and asks when the next place is free.
    [(sid, message)] = ears.heard()
    assert sid == "s2"
    assert message != "mail now"
    assert int(message.split()[1]) >= 95_000


def test_a_waiting_job_dearer_than_a_lowered_rate_is_dead_with_a_reason_and_holds_up_nobody(
    busy: Rig,
) -> None:
    busy.publish(mail={"rate": "10/s"})
    dear, cheap = busy.send("mail", 1, cost=3) + busy.send("mail", 1)
    busy.publish("2", mail={"rate": "2/s"})
    assert busy.ask("s1", "mail", 5).ids == [cheap]
    assert busy.state("mail", dear) == "dead"
    assert "CostTooHigh" in busy.job("mail", dear)["error"]


def test_a_job_that_costs_more_than_a_window_is_refused_at_the_send(busy: Rig) -> None:
    busy.publish(limits={"api": {"rate": "3/s"}}, mail={"within": ["api"], "rate": "10/s"})
    reply = busy.send_words([("mail", "j1", "", 0, 4, "", "act", "{}", "{}")])
    assert reply == [b"dear", b"api", b"3", b"4"]
    assert busy.state("mail", "j1") == "gone"


def test_a_started_jobs_permit_is_never_given_back(busy: Rig) -> None:
    busy.publish(mail={"rate": "2/s"})
    busy.send("mail", 4)
    given = busy.ask("s1", "mail", 2).grants
    busy.tell("s1", given[0].end("handback"), given[1].end("retry", at=0))
    assert not busy.ask("s1", "mail", 4).grants


def test_a_raised_rate_admits_at_once_and_a_lowered_one_binds_the_next_admission(busy: Rig) -> None:
    busy.publish(mail={"rate": "2/s"})
    busy.send("mail", 50)
    assert len(busy.ask("s1", "mail", 50).grants) == 2
    busy.publish("2", mail={"rate": "10/s"})
    assert len(busy.ask("s1", "mail", 50).grants) == 8
    busy.advance(SECOND + 10_000)
    busy.publish("3", mail={"rate": "4/s"})
    assert len(busy.ask("s1", "mail", 50).grants) == 4


@pytest.mark.parametrize("steps", [["5/s", "5/10s"], ["5/10s", "5/s", "5/10s"], ["5/10s", None, "5/10s"]])
def test_a_changed_window_counts_what_was_admitted_before_it(busy: Rig, steps: list[str | None]) -> None:
    for version, rate in enumerate(steps):
        busy.publish(str(version), mail={"rate": rate} if rate else {"concurrency": 1000})
        busy.send("mail", 20)
        last = [given.started for given in busy.ask("s1", "mail", 5).grants]
        busy.advance(2 * SECOND)
    # In each of these histories the last ten seconds are used up when the last rate begins.
    assert last == []


@pytest.mark.parametrize(
    "steps",
    [
        ["5/s", "5/10s"],
        ["5/10s", "5/s", "5/10s"],
        ["5/10s", None, "5/10s"],
        ["5/10s", "6/9s", "5/s", "5/10s"],
    ],
)
def test_a_changed_window_of_keys_counts_what_each_key_was_admitted_before_it(
    busy: Rig, steps: list[str | None]
) -> None:
    for version, rate in enumerate(steps):
        mail = {"per_key": {"rate": rate}} if rate else {"concurrency": 1000}
        busy.publish(str(version), mail={**mail, "max_waiting": 1000})
        for key in ("a", "b"):
            busy.send("mail", 20, key=key)
        last = [given.started for given in busy.ask("s1", "mail", 10).grants]
        busy.advance(2 * SECOND)
    assert last == []
    # Nor is anything held up once the ten seconds have passed.
    busy.advance(10 * SECOND)
    assert len(busy.ask("s1", "mail", 50).grants) == 10


def test_a_step_back_of_the_clock_shrinks_no_window(rig: Rig) -> None:
    rig.client.delete(rig.keys.clock)
    rig.publish(mail={"rate": "3/m"})
    rig.open("s1")
    rig.send("mail", 9)
    assert len(rig.ask("s1", "mail", 9).grants) == 3
    rig.shift(-600 * SECOND)
    assert not rig.ask("s1", "mail", 9).grants
    rig.shift(600 * SECOND)
    assert not rig.ask("s1", "mail", 9).grants


def test_the_test_kits_clock_moves_a_window_on(rig: Rig) -> None:
    rig.client.delete(rig.keys.clock)
    rig.publish(mail={"rate": "3/m"})
    rig.open("s1")
    rig.send("mail", 9)
    assert len(rig.ask("s1", "mail", 9).grants) == 3
    rig.shift(61 * SECOND)
    assert len(rig.ask("s1", "mail", 9).grants) == 3
