from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workstreams.errors import RedisUnavailable
from workstreams.store.embedded.folder import MAX_SOCKET_PATH, StateFolder
from workstreams.store.embedded.locate import Engine

NINE = Engine(Path("/bin/valkey-server"), "valkey", (9, 1, 2))


@pytest.fixture
def short_tmp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder with a short name, which pytest's own have not."""
    with tempfile.TemporaryDirectory(prefix="ws") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def long(tmp_path: Path, letter: str = "x") -> StateFolder:
    folder = StateFolder(tmp_path / (letter * 120))
    folder.create()
    return folder


def test_the_folder_is_for_this_user_only(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "a" / "b")
    folder.create()
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_short_folder_holds_its_socket(tmp_path: Path) -> None:
    assert StateFolder(tmp_path).choose_socket().parent == tmp_path


def test_a_long_folder_gets_a_short_socket_that_is_its_own(short_tmp: Path) -> None:
    one, other = long(short_tmp).choose_socket(), long(short_tmp, "y").choose_socket()
    assert len(os.fsencode(one)) <= MAX_SOCKET_PATH
    assert one != other
    assert one == long(short_tmp).choose_socket()
    assert one.parent.name == f"workstreams-{os.getuid()}"
    assert one.parent.stat().st_mode & 0o777 == 0o700


def test_a_runtime_folder_that_others_may_enter_is_not_trusted(short_tmp: Path) -> None:
    shared = short_tmp / f"workstreams-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(RedisUnavailable, match="only this user may enter, found mode 0777"):
        long(short_tmp).choose_socket()


def test_a_link_in_place_of_the_runtime_folder_is_not_trusted(short_tmp: Path) -> None:
    (short_tmp / "elsewhere").mkdir(mode=0o700)
    (short_tmp / f"workstreams-{os.getuid()}").symlink_to(short_tmp / "elsewhere")
    with pytest.raises(RedisUnavailable, match="only this user may enter"):
        long(short_tmp).choose_socket()


def test_a_temporary_folder_that_is_long_as_well_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ("t" * 100)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("t" * 100)))
    with pytest.raises(RedisUnavailable, match="set a shorter state_dir"):
        long(tmp_path).choose_socket()


def test_an_older_engine_is_kept_from_the_data_of_a_newer(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.refuse_older(NINE)
    folder.record_engine(Engine(NINE.path, "redis", (10, 0, 1)))
    with pytest.raises(RedisUnavailable, match=r"expected redis 10.0.1 or newer.*found valkey 9.1.2"):
        folder.refuse_older(NINE)


def test_a_newer_engine_may_open_the_data_of_an_older(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.record_engine(Engine(NINE.path, "redis", (7, 0, 15)))
    folder.refuse_older(NINE)


def test_the_epoch_stays_as_long_as_the_data(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    epoch = folder.epoch()
    assert len(epoch) == 32
    folder.record_engine(NINE)
    (tmp_path / "appendonlydir").mkdir()
    folder.renew_epoch_of_lost_data()
    assert StateFolder(tmp_path).epoch() == epoch
    (tmp_path / "appendonlydir").rmdir()
    folder.renew_epoch_of_lost_data()
    assert folder.epoch() != epoch


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file_whole(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.record_engine(NINE)
    (tmp_path / f"engine.{os.getpid()}.new").symlink_to("/dev/full")
    with pytest.raises(RedisUnavailable, match="found No space left on device"), folder.errors():
        folder.record_engine(Engine(NINE.path, "valkey", (10, 0)))
    assert (tmp_path / "engine").read_text() == "valkey 9.1.2\n"
    assert [item.name for item in tmp_path.iterdir()] == ["engine"]
