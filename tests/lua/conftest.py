"""A rig for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from tests.lua.rig import Rig


@pytest.fixture
def rig(shared_client: redis.Redis, tmp_path: Path) -> Rig:
    """An app of its own whose clock stands still."""
    made = Rig(shared_client, tmp_path)
    made.freeze()
    return made
