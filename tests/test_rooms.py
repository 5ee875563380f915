"""The floor plan: a room imports foundations and earlier rooms only, and nobody imports a door."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "workstreams"

FOUNDATIONS = ("errors", "units", "store")
WALK = ("declare", "send", "wait", "admit", "run", "log", "finish")
SIDE_ROOMS = ("state", "demo")
DOORS = ("app", "assembly", "supervisor", "cli", "__init__", "__main__")

#: What a room may import besides its own: everything that stands before it on the walk.
MAY_IMPORT = {
    **{name: set(FOUNDATIONS) for name in FOUNDATIONS},
    **{name: {*FOUNDATIONS, *WALK[:place]} for place, name in enumerate(WALK)},
    # State is read next to what admission reads; a line of a log is part of it.
    "state": {*FOUNDATIONS, "declare", "send", "log"},
    # A schedule sends, and is looked at like state.
    "schedule": {*FOUNDATIONS, "declare", "send", "state", "log"},
    # Control reads state, changes what waits, and hands a job's own result back.
    "control": {*FOUNDATIONS, "declare", "send", "wait", "log", "state"},
    # Who comes from outside of jobs is let in, and leased what it holds, as a worker is.
    "guest": {*FOUNDATIONS, "declare", "send", "wait", "admit", "state"},
    # The demo is a user's program that ships with the package: it sees the front door.
    "demo": {*FOUNDATIONS, "declare", "send", "state", "__init__"},
}


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide which room is entered"
            names = [node.module or ""]
            if node.module == "workstreams":
                names = [f"workstreams.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "workstreams":
                found.add(parts[1] if len(parts) > 1 else "__init__")
    return found


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_room_imports_only_foundations_and_what_comes_before_it(file: Path) -> None:
    room = room_of(file)
    if room in DOORS:
        return
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    entered = {name if name in rooms else "__init__" for name in imports_of(file)}
    allowed = MAY_IMPORT[room] | {room}
    assert entered <= allowed, f"{room} may not import {sorted(entered - allowed)}"


def test_every_room_of_the_package_has_its_place_on_the_plan() -> None:
    rooms = {room_of(file) for file in FILES}
    assert rooms <= {*MAY_IMPORT, *DOORS}


def test_nobody_imports_a_door() -> None:
    for file in FILES:
        if room_of(file) in DOORS:
            continue
        entered = imports_of(file) & set(DOORS)
        assert entered <= ({"__init__"} if room_of(file) == "demo" else set()), file


def test_importing_the_package_connects_to_nothing_and_starts_nothing() -> None:
    import subprocess
    import sys

    code = (
        "import socket, threading\n"
        "def refuse(*a, **k): raise AssertionError('connected')\n"
        "socket.socket.connect = refuse\n"
        "import workstreams\n"
        "@workstreams.actor(workstream='mail')\n"
        "def hello(): ...\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
