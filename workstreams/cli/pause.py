"""``workstreams pause`` and ``resume``: a workstream stops or goes on, for the whole fleet at once."""

from __future__ import annotations

from typing import Annotated

import typer

from workstreams.cli.completing import workstreams
from workstreams.cli.options import ConfigPath, link_to, load
from workstreams.cli.screen import say

__all__ = ["pause", "resume"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="The workstream.", autocompletion=workstreams)]


def pause(context: typer.Context, name: Name, config: ConfigPath = None) -> None:
    """Start no job of a workstream until it is resumed.

    It is in force for the whole fleet at once; jobs that run go on.
    """
    from workstreams.control import pause as carry_out

    declared = load(context, config)
    changed = carry_out(link_to(declared), declared, name)
    say(f"{name} is paused" if changed else f"{name} was paused already")


def resume(context: typer.Context, name: Name, config: ConfigPath = None) -> None:
    """Let a paused workstream go on."""
    from workstreams.control import resume as carry_out

    declared = load(context, config)
    changed = carry_out(link_to(declared), declared, name)
    say(f"{name} goes on" if changed else f"{name} was not paused")
