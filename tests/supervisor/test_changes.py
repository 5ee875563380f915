"""Changes of the user's files are noticed, each once, and those of nobody's code are not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import wait_until
from workstreams.supervisor.changes import Changes

Watch = Callable[..., Changes]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Begin to look at the test's folder; the thread ends with the test."""
    made: list[Changes] = []

    def begin(*config: Path, tell: Callable[[], None] = lambda: None) -> Changes:
        made.append(Changes([tmp_path], lambda: config, tell))
        made[-1].start()
        return made[-1]

    yield begin
    for one in made:
        one.stop()
        one.join()


def write(file: Path, text: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def taken(changes: Changes) -> list[Path]:
    return wait_until(changes.take)


def test_a_changed_a_new_and_a_removed_module_are_changes(tmp_path: Path, watch: Watch) -> None:
    changed, removed = write(tmp_path / "a.py"), write(tmp_path / "deep" / "er" / "b.py")
    changes = watch()
    changed.write_text("x = 1")
    assert taken(changes) == [changed]
    new = write(tmp_path / "new" / "c.py")
    assert taken(changes) == [new]
    removed.unlink()
    assert taken(changes) == [removed]


def test_a_file_that_takes_the_place_of_another_is_a_change_even_of_the_same_age(
    tmp_path: Path, watch: Watch
) -> None:
    file, other = write(tmp_path / "a.py", "x = 1"), write(tmp_path / ".swap", "x = 2")
    before = os.stat(file)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    changes = watch()
    other.replace(file)
    assert taken(changes) == [file]


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        ".hidden/a.py",
        "env/lib/a.py",
        "__pycache__/a.py",
        "node_modules/a.py",
        "config/other.yml",
    ],
)
def test_what_is_no_code_of_the_users_is_no_change(tmp_path: Path, watch: Watch, name: str) -> None:
    write(tmp_path / "env" / "pyvenv.cfg")
    write(tmp_path / name)
    changes = watch()
    write(tmp_path / name, "x = 1")
    mine = write(tmp_path / "a.py")
    assert taken(changes) == [mine], "the later change was seen, and the earlier one was none"


def test_the_files_of_the_config_are_looked_at_wherever_they_are(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, watch: Watch
) -> None:
    config = tmp_path_factory.mktemp("elsewhere") / "workstreams.yml"
    changes = watch(config)
    write(config, "app: shop")
    assert taken(changes) == [config]


def test_many_changes_at_once_are_told_once(tmp_path: Path, watch: Watch) -> None:
    told: list[list[Path]] = []
    told_first = threading.Event()

    def tell() -> None:
        told.append(changes.take())
        told_first.set()

    changes = watch(tell=tell)
    files = [write(tmp_path / f"m{number:03}.py") for number in range(200)]
    assert told_first.wait(10)
    assert told == [files]


def test_other_folders_may_be_looked_at_without_their_files_being_changes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, watch: Watch
) -> None:
    write(tmp_path / "a.py")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    known = write(elsewhere / "known.py")
    changes = watch()
    changes.look_in([elsewhere])
    known.write_text("x = 1")
    assert taken(changes) == [known]
