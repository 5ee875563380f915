from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer.main

from tests.cli.conftest import Command
from workstreams.cli.examples import EXAMPLES
from workstreams.cli.main import build_app

#: What click calls a group and a command differs between versions of typer.
APP: Any = typer.main.get_command(build_app())


def commands(group: Any, before: str = "") -> list[str]:
    """Names of all commands, with those of their groups."""
    found = []
    for name, command in group.commands.items():
        deeper = getattr(command, "commands", None)
        found += commands(command, f"{before}{name} ") if deeper else [f"{before}{name}"]
    return found


def test_every_command_has_examples_and_every_example_a_command() -> None:
    assert sorted(EXAMPLES) == sorted(commands(APP))


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_help_of_a_command_ends_with_its_examples_a_line_each(call: Command, name: str) -> None:
    lines = call(*name.split(), "--help", env={"COLUMNS": "80"}).out.rstrip().splitlines()
    shown = [line.strip() for line in lines[lines.index("  Examples:") + 1 :]]
    assert [line.partition("  #")[0].strip() for line in shown] == [
        f"workstreams {words}" for words, _ in EXAMPLES[name]
    ]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("name", "words"), [(name, words) for name, examples in EXAMPLES.items() for words, _ in examples]
)
def test_an_example_is_understood(name: str, words: str) -> None:
    typed, command, context = shlex.split(words.partition(" >")[0]), APP, None
    for _ in name.split():
        command = command.commands[typed.pop(0)]
    # Parses flags and arguments, and raises at the first that there is not.
    context = command.make_context(name, typed)
    assert context.params is not None
