"""Breaks the scripts on purpose, and looks whether anybody notices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lua.machine import Fleet
from tests.lua.rig import PatchedScripts, Rig

Patches = Sequence[tuple[str, str]]


def broken(client: redis.Redis, folder: Path, patches: Patches, *, freeze: bool = True) -> Rig:
    """A rig whose scripts are broken, if what is to be broken stands in them."""
    made = Rig(client, folder, patches)
    if freeze:
        made.freeze()
    return made


def assert_found(rig: Rig, patches: Patches) -> None:
    assert isinstance(rig.scripts, PatchedScripts)
    assert rig.scripts.found == {old for old, _ in patches}, (
        "the text to break is not in the scripts any longer"
    )


def look_for(client: redis.Redis, folder: Path, patches: Patches, histories: int = 400) -> None:
    """Random histories over broken scripts: one of so many must fail."""
    found: set[str] = set()

    class Machine(Fleet):
        early_fails = False

        def teardown(self) -> None:
            found.update(getattr(self.rig.scripts, "found", ()))
            super().teardown()

    Machine.client, Machine.folder, Machine.patches = client, folder, tuple(patches)
    # Not shrunk: that something is found is enough.
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=histories,
                stateful_step_count=25,
                deadline=None,
                database=None,
                derandomize=True,
                phases=(Phase.generate,),
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert found == {old for old, _ in patches}, "the text to break is not in the scripts any longer"
