from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workstreams.errors import RedisUnavailable
from workstreams.store.embedded.lock import OwnerLock, holder, try_lock


def test_a_lock_is_given_once_and_again_when_it_is_free(tmp_path: Path) -> None:
    first = try_lock(tmp_path / "lock")
    assert first is not None
    assert try_lock(tmp_path / "lock") is None
    os.close(first)
    second = try_lock(tmp_path / "lock")
    assert second is not None
    os.close(second)


def test_the_owner_is_named_to_whoever_comes_second(tmp_path: Path) -> None:
    owner, second = OwnerLock(tmp_path), OwnerLock(tmp_path)
    owner.take()
    with pytest.raises(RedisUnavailable, match=f"expected to own .*owned by process {os.getpid()}: stop"):
        second.take()
    owner.release()
    second.take()
    second.release()


def test_a_name_left_by_a_longer_number_is_not_mixed_with_ours(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("123456789123456789\n")
    owner = OwnerLock(tmp_path)
    owner.take()
    assert holder(tmp_path / "lock") == os.getpid()
    owner.release()


def test_children_of_the_owner_do_not_keep_its_lock(tmp_path: Path) -> None:
    owner = OwnerLock(tmp_path)
    owner.take()
    with subprocess.Popen(["sleep", "60"]) as child:  # it does nothing until it is killed
        owner.release()
        again = try_lock(tmp_path / "lock")
        child.kill()
    assert again is not None
    os.close(again)


@pytest.mark.parametrize("text", ["", "not a number"])
def test_a_lock_file_without_a_number_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    assert holder(tmp_path / "lock") is None
    assert holder(tmp_path / "missing") is None
