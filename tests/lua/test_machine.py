"""Promises I1 to I4 over random histories: ``WORKSTREAMS_HYPOTHESIS=soak`` runs ten thousand of them.

A clean clone runs the same few hundred each time, so that a change is judged by what it changes; new
ones are looked for with ``soak``, and ``WORKSTREAMS_HISTORIES`` says how many.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lua.machine import Fleet

PROFILE = os.environ.get("WORKSTREAMS_HYPOTHESIS", "ci")
_HISTORIES = int(os.environ.get("WORKSTREAMS_HISTORIES", {"ci": 200, "soak": 10_000}[PROFILE]))


@pytest.mark.timeout(0 if PROFILE == "soak" else 300)
def test_every_promise_holds_in_every_history(shared_client: redis.Redis, tmp_path: Path) -> None:
    class Machine(Fleet):
        client = shared_client
        folder = tmp_path

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=_HISTORIES,
            stateful_step_count=25,
            deadline=None,
            derandomize=PROFILE == "ci",
            print_blob=True,
            # Not explain: it traces every line, which takes longer than all the rest.
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
