"""Limits of keys, costs and refusals: each promise has a test that fails when the scripts are broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.lua.breaking import Patches, assert_found, broken, look_for
from tests.lua.rig import SECOND, Rig

KEY_CHARGED_ON_REFUSAL: Patches = [
    (
        "  head.fits = not why\n",
        "  head.fits = not why\n  if why and head.room then gate.spend(head.room, need) rate.flush() end\n",
    )
]
SLOT_KEPT_AFTER_A_CRASH: Patches = [
    (
        "  release.slot(ws, member, read[1], read[5] or '')\n  if read[6]",
        "  release.slot(ws, member, ((read[1] or ''):gsub(':', '')), read[5] or '')\n  if read[6]",
    )
]
CREDIT_SAVED_UP: Patches = [("math.max(clock_of(ws), own), key)", "own, key)")]
LEAD_FORGOTTEN: Patches = [
    ("  if turn > now then redis.call('ZADD', keys.ws(ws, 'idle'), turn, key) end\n", "")
]
SHORTER_WAIT_WINS: Patches = [("  if at <= limit.shut_until then return end\n", "")]
SHORTER_WAIT_OF_A_KEY_WINS: Patches = [
    ("redis.call('ZADD', shut, 'GT', digits(at), key)", "redis.call('ZADD', shut, digits(at), key)"),
    (
        "redis.call('ZADD', keys.ws(ws, 'held'), 'GT', at ==",
        "redis.call('ZADD', keys.ws(ws, 'held'), at ==",
    ),
]
COST_OF_ANOTHER_LIMIT: Patches = [
    (
        "all or costs.on(cost, meters[i].limit))",
        "all or costs.on(cost, meters[1].limit))",
    )
]
METER_OF_ANOTHER_KEY: Patches = [("suffix = ':' .. key}", "suffix = ':k'}")]
REDELIVERY_FREE: Patches = [
    ("      gate.spend(room, cost)\n", "      if (job[4] or '0') == '0' then gate.spend(room, cost) end\n")
]
PACE_FORGOTTEN: Patches = [("  if limit.ease then ease.pace(limit) end\n", "")]
WAY_MADE_FOR_A_TURN: Patches = [
    ("taking.remove(ws, head, removed, #grants - had)", "taking.remove(ws, head, removed, removed)")
]


def one_key_after_another(rig: Rig) -> int:
    rig.publish(mail={"concurrency": 1, "per_key": {"rate": "1/s"}})
    rig.open("s1", "mail")
    rig.send("mail", 1, key="k")
    rig.send("mail", 1, key="m")
    [first] = rig.ask("s1", "mail", 1).grants
    for _ in range(3):
        rig.ask("s1", "mail", 1)
    return 1 - len(rig.ask("s1", "mail", 1, [first.end("done")]).grants)


def crash(rig: Rig) -> int:
    rig.publish(mail={"per_key": {"concurrency": 1}})
    rig.open("s1", "mail")
    rig.open("s2", "mail")
    rig.send("mail", 1, key="k")
    rig.ask("s1", "mail", 1)
    rig.end("s1")
    return 1 - len(rig.ask("s2", "mail", 1).grants)


def late_comer(rig: Rig) -> int:
    """How many more than its share a key gets that comes while two others wait."""
    rig.publish(mail={"per_key": {"concurrency": 99}})
    rig.open("s1", "mail")
    for key in ("k", "m"):
        rig.send("mail", 40, key=key)
    for _ in range(20):
        rig.ask("s1", "mail", 1)
    rig.send("mail", 40, key="late")
    given = [rig.ask("s1", "mail", 1).grants[0].key for _ in range(12)]
    return max(0, given.count("late") - 5)


def leaver(rig: Rig) -> int:
    """How many more than its share a key gets that leaves after each start, and comes again."""
    rig.publish(mail={"per_key": {"concurrency": 99, "weights": {"k": 5, "n": 5}}})
    rig.open("s1", "mail")
    for key in ("k", "n"):
        rig.send("mail", 60, key=key)
    given = []
    for _ in range(44):
        if "m" not in given[-1:] and not rig.client.exists(rig.keys.workstream("mail", "ready", "m")):
            rig.send("mail", 1, key="m")
        given.append(rig.ask("s1", "mail", 1).grants[0].key)
    return max(0, given.count("m") - 6)


def two_refusals(rig: Rig, scope: str) -> int:
    rig.publish(mail={"concurrency": 9})
    rig.open("s1", "mail")
    rig.send("mail", 2, key="k")
    first, second = rig.ask("s1", "mail", 2).grants
    rig.tell("s1", first.end("defer", scope=scope, at=10 * SECOND))
    rig.tell("s1", second.end("defer", scope=scope, at=SECOND))
    rig.advance(2 * SECOND)
    return len(rig.ask("s1", "mail", 2).grants)


def named_costs(rig: Rig) -> int:
    rig.publish(limits={"api": {"rate": "4/s"}}, mail={"rate": "4/s", "within": "api"})
    rig.open("s1", "mail")
    rig.send("mail", 9, cost='{"api": 2}')
    return len(rig.ask("s1", "mail", 9).grants) - 2


def two_keys(rig: Rig) -> int:
    rig.publish(mail={"per_key": {"rate": "2/s"}})
    rig.open("s1", "mail")
    for key in ("k", "m"):
        rig.send("mail", 2, key=key)
    return 4 - len(rig.ask("s1", "mail", 4).grants)


def crash_under_a_rate(rig: Rig) -> int:
    rig.publish(mail={"rate": "2/s"})
    rig.open("s1", "mail")
    rig.open("s2", "mail")
    rig.send("mail", 1)
    rig.ask("s1", "mail", 1)
    rig.end("s1")
    rig.send("mail", 1)
    return len(rig.ask("s2", "mail", 2).grants) + len(rig.ask("s2", "mail", 2).grants) - 1


def after_a_refusal(rig: Rig) -> int:
    rig.publish(mail={"rate": "4/s", "on_rate_limited": {"back_off": 0.5, "recover": "60s"}})
    rig.open("s1", "mail")
    rig.send("mail", 9)
    given = rig.ask("s1", "mail", 4).grants
    rig.tell("s1", given[0].end("defer", scope="mail", at=SECOND))
    rig.advance(2 * SECOND)
    return len(rig.ask("s1", "mail", 4).grants) - 1


def expired_jobs(rig: Rig) -> int:
    rig.publish(mail={"concurrency": 99})
    rig.open("s1", "mail")
    rig.send_words([("mail", f"x{n}", "k", 0, 1, "!+1", "act", "{}", "{}") for n in range(9)])
    rig.advance(SECOND)
    for key in ("k", "m"):
        rig.send("mail", 9, key=key)
    return 3 - [rig.ask("s1", "mail", 1).grants[0].key for _ in range(6)].count("k")


@pytest.mark.parametrize(
    ("patches", "scenario"),
    [
        pytest.param(KEY_CHARGED_ON_REFUSAL, one_key_after_another, id="key charged on refusal"),
        pytest.param(SLOT_KEPT_AFTER_A_CRASH, crash, id="slot of a key kept after a crash"),
        pytest.param(CREDIT_SAVED_UP, late_comer, id="credit saved up"),
        pytest.param(LEAD_FORGOTTEN, leaver, id="lead forgotten"),
        pytest.param(SHORTER_WAIT_WINS, lambda rig: two_refusals(rig, "mail"), id="shorter wait wins"),
        pytest.param(
            SHORTER_WAIT_OF_A_KEY_WINS, lambda rig: two_refusals(rig, "key"), id="shorter wait of a key wins"
        ),
        pytest.param(COST_OF_ANOTHER_LIMIT, named_costs, id="cost of another limit"),
        pytest.param(METER_OF_ANOTHER_KEY, two_keys, id="meter of another key"),
        pytest.param(REDELIVERY_FREE, crash_under_a_rate, id="redelivery free"),
        pytest.param(PACE_FORGOTTEN, after_a_refusal, id="pace forgotten"),
        pytest.param(WAY_MADE_FOR_A_TURN, expired_jobs, id="way made for a turn"),
    ],
)
def test_a_scenario_tells_broken_scripts_from_right_ones(
    shared_client: redis.Redis, tmp_path: Path, patches: Patches, scenario: Callable[[Rig], int]
) -> None:
    assert scenario(broken(shared_client, tmp_path, ())) == 0
    rig = broken(shared_client, tmp_path, patches)
    assert scenario(rig) > 0
    assert_found(rig, patches)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "broken_by",
    [
        pytest.param(KEY_CHARGED_ON_REFUSAL, id="key charged on refusal"),
        pytest.param(SLOT_KEPT_AFTER_A_CRASH, id="slot of a key kept after a crash"),
        pytest.param(CREDIT_SAVED_UP, id="credit saved up"),
        pytest.param(COST_OF_ANOTHER_LIMIT, id="cost of another limit"),
        pytest.param(METER_OF_ANOTHER_KEY, id="meter of another key"),
        pytest.param(REDELIVERY_FREE, id="redelivery free"),
    ],
)
def test_random_histories_find_what_is_broken(
    shared_client: redis.Redis, tmp_path: Path, broken_by: Patches
) -> None:
    look_for(shared_client, tmp_path, broken_by)
