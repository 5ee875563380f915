"""Each promise has a test that fails when it is broken: here the scripts are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.lua.breaking import Patches, assert_found, broken, look_for
from tests.lua.rig import BEGIN, SECOND, Rig

NO_HIGH_WATER_MARK: Patches = [("clock.now = math.max(clock.now, mark)", "")]
THE_CALLERS_CLOCK: Patches = [
    (
        "(KEYS, ARGV) calls.begin(KEYS)",
        "(KEYS, ARGV) calls.begin(KEYS) clock.caller = cjson.decode(ARGV[1]).caller or 0",
    ),
    ("tonumber(time[1]) * 1000000 + tonumber(time[2])", "clock.caller"),
]
CHARGE_ON_REFUSAL: Patches = [
    (
        "  if not (r.pace or r.spaced) then return at end\n",
        "  if at then rate.charge(m, r, 1) rate.flush() end\n"
        "  if not (r.pace or r.spaced) then return at end\n",
    )
]
REFUND_ON_CRASH: Patches = [
    (
        "  release.slot(ws, member, read[1], read[5] or '')\n",
        "  release.slot(ws, member, read[1], read[5] or '')\n"
        "  for _, r in ipairs(settings.limit(ws).rates) do\n"
        "    redis.call('DEL', keys.limit(ws, 'meter:' .. r.window))\n"
        "  end\n",
    )
]
IGNORE_MARGIN: Patches = [("span = tonumber(window) + tonumber(margin)", "span = tonumber(window)")]
EDGE_OF_THE_WINDOW: Patches = [
    ("if at > horizon then", "if at > horizon + 1 then"),
    ("if m.last <= horizon then", "if m.last <= horizon + 1 then"),
]
ONE_LIMIT_AFTER_THE_OTHER: Patches = [
    (
        "    room.meters[#room.meters + 1] = {limit = limit.name, r = r, m = rate.meter(limit, r)}\n",
        "    room.meters[#room.meters + 1] = {limit = limit.name, r = r, m = rate.meter(limit, r)}\n"
        "    rate.charge(rate.meter(limit, r), r, 1)\n",
    )
]


def step_back(rig: Rig) -> int:
    rig.publish(mail=None)
    rig.open("s1")
    first = rig.send("mail", 1)
    rig.shift(-600 * SECOND)
    second = rig.send("mail", 1)
    return int(rig.ask("s1", "mail", 2).ids != first + second)


def clocks_of_callers_differ(rig: Rig) -> int:
    rig.publish(mail={"rate": "3/m"})
    rig.open("s1", lease=10**16)
    rig.send("mail", 9)
    given = 0
    for minutes in (0, 10):
        answer = rig.exchange(rig.call("s1", {"mail": 9}, caller=BEGIN + minutes * 60 * SECOND))
        given += len(answer.grants) if answer else 0
    return given - 3


def refused_then_free(rig: Rig) -> int:
    rig.publish(mail={"rate": "4/s"})
    rig.open("s1")
    rig.send("mail", 3, cost=4)
    rig.ask("s1", "mail", 1)
    rig.advance(500_000)
    rig.ask("s1", "mail", 1)
    rig.advance(510_000)
    return 1 - len(rig.ask("s1", "mail", 1).grants)


def crash(rig: Rig) -> int:
    rig.publish(mail={"rate": "2/m"})
    rig.open("s1")
    rig.open("s2")
    rig.send("mail", 2)
    rig.ask("s1", "mail", 2)
    rig.end("s1")
    return len(rig.ask("s2", "mail", 2).grants)


def just_before_the_window_ends(rig: Rig, before: int) -> int:
    rig.publish(mail={"rate": "2/s"})
    rig.open("s1")
    rig.send("mail", 4)
    rig.ask("s1", "mail", 2)
    rig.advance(SECOND + 10_000 - before)
    return len(rig.ask("s1", "mail", 2).grants)


def first_limit_open_second_shut(rig: Rig) -> int:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"rate": "3/m", "concurrency": 3, "within": ["api"]})
    rig.open("s1")
    rig.send("mail", 5)
    given = rig.ask("s1", "mail", 1).grants
    for _ in range(5):
        rig.ask("s1", "mail", 1)
    # One of three was started, so two more may be.
    given = rig.ask("s1", "mail", 1, [given[0].end("done")]).grants
    return 1 - len(given)


@pytest.mark.parametrize(
    ("patches", "scenario", "freeze"),
    [
        pytest.param(NO_HIGH_WATER_MARK, step_back, False, id="no high-water mark"),
        pytest.param(THE_CALLERS_CLOCK, clocks_of_callers_differ, False, id="the caller's clock"),
        pytest.param(CHARGE_ON_REFUSAL, refused_then_free, True, id="charge on refusal"),
        pytest.param(REFUND_ON_CRASH, crash, True, id="refund on crash"),
        pytest.param(
            IGNORE_MARGIN, lambda rig: just_before_the_window_ends(rig, 1_000), True, id="ignore the margin"
        ),
        pytest.param(
            EDGE_OF_THE_WINDOW, lambda rig: just_before_the_window_ends(rig, 1), True, id="edge of the window"
        ),
        pytest.param(
            ONE_LIMIT_AFTER_THE_OTHER, first_limit_open_second_shut, True, id="one limit after the other"
        ),
    ],
)
def test_a_scenario_tells_broken_scripts_from_right_ones(
    shared_client: redis.Redis, tmp_path: Path, patches: Patches, scenario: Callable[[Rig], int], freeze: bool
) -> None:
    assert scenario(broken(shared_client, tmp_path, (), freeze=freeze)) == 0
    rig = broken(shared_client, tmp_path, patches, freeze=freeze)
    assert scenario(rig) > 0
    assert_found(rig, patches)


@pytest.mark.parametrize(
    "broken_by",
    [
        pytest.param(CHARGE_ON_REFUSAL, id="charge on refusal"),
        pytest.param(IGNORE_MARGIN, id="ignore the margin"),
        pytest.param(ONE_LIMIT_AFTER_THE_OTHER, id="one limit after the other"),
        pytest.param(
            [("    if score then\n      proofs[places", "    if true then\n      proofs[places")],
            id="no proof of the lease",
        ),
        pytest.param(
            [("if seq == call.seq then return sessions.replay(call.sid, courier) end", "")], id="no replay"
        ),
        pytest.param(
            [
                (
                    "placed[#placed + 1] = turn\n      placed[#placed + 1] = key",
                    "placed[#placed + 1] = turn\n      placed[#placed + 1] = key .. 'x'",
                )
            ],
            id="a lost key",
        ),
        pytest.param(
            [
                (
                    "history.respaced(m.tat, clock.now, was[r.window], now, r.span), clock.now",
                    "m.tat, clock.now",
                )
            ],
            id="the spacing of an old rate",
        ),
    ],
)
def test_random_histories_find_what_is_broken(
    shared_client: redis.Redis, tmp_path: Path, broken_by: Patches
) -> None:
    look_for(shared_client, tmp_path, broken_by)
