from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from tests.support import config_of
from workstreams.errors import PayloadTooLarge
from workstreams.schedule.moments import to_us
from workstreams.schedule.orders import Orders, jitter_of, job_id_of
from workstreams.send.identity import created_us

TICK = to_us(datetime(2026, 11, 23, 3, tzinfo=UTC))


def orders(folder: Path, mail: Any = None, **fields: Any) -> Orders:
    declared = {"tick": {"actor": "act", "workstream": "mail", "every": "1m", **fields}}
    config = config_of("shop", "redis://nowhere", folder, {"mail": mail}, schedules=declared)
    return Orders(config, "tick", config.schedules["tick"], "mail")


def test_every_scheduler_gives_a_ticks_job_the_same_id() -> None:
    found = job_id_of("shop", "tick", TICK)
    assert found == job_id_of("shop", "tick", TICK)
    assert UUID(found).version == 7
    assert UUID(found).variant == "specified in RFC 4122"


def test_apps_schedules_and_ticks_have_jobs_of_their_own() -> None:
    ids = {
        job_id_of(app, name, TICK + late)
        for app in ("a", "b")
        for name in ("x", "y")
        for late in (0, 1, 1000)
    }
    assert len(ids) == 12


def test_the_id_sorts_by_the_ticks_time() -> None:
    made = created_us(job_id_of("shop", "tick", TICK))
    assert made is not None
    assert made // 1000 == TICK // 1000


def test_jitter_is_the_same_everywhere_and_spread_over_its_span() -> None:
    most = 30_000_000
    found = [jitter_of("tick", TICK + n, most) for n in range(500)]
    assert found == [jitter_of("tick", TICK + n, most) for n in range(500)]
    assert 0 <= min(found) < most / 20
    assert most * 0.95 < max(found) < most
    assert jitter_of("tick", TICK, 0) == 0


def test_a_job_is_held_back_from_its_tick_on_and_not_from_now(tmp_path: Path) -> None:
    order = orders(tmp_path, jitter="30s").of_tick(TICK)
    assert order.due == f"@{TICK + jitter_of('tick', TICK, 30_000_000)}"
    assert orders(tmp_path).of_tick(TICK).due == ""


def test_a_job_carries_the_arguments_and_knows_its_tick(tmp_path: Path) -> None:
    order = orders(tmp_path, args=[1, {"a": None}], kwargs={"to": "ann"}).of_tick(TICK)
    assert (order.job.args, order.job.kwargs) == ((1, {"a": None}), {"to": "ann"})
    assert orjson.loads(order.options) == {"schedule": "tick", "tick": "2026-11-23T03:00:00Z"}


def test_arguments_too_large_for_the_workstream_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PayloadTooLarge):
        orders(tmp_path, {"max_payload": "512B"}, args=["x" * 600]).of_tick(TICK)


def test_a_run_by_hand_has_an_id_of_its_own(tmp_path: Path) -> None:
    made = orders(tmp_path, jitter="30s")
    first, second = made.of_now(), made.of_now()
    assert first.job.id != second.job.id
    assert first.due == ""
