"""``workstreams pause`` and ``resume``: what waits stays, or goes on, for the whole fleet at once."""

from __future__ import annotations

from typing import Annotated

import typer

from workstreams.cli.completing import limits
from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, flag, link_to, load
from workstreams.cli.screen import say, shown

__all__ = ["pause", "resume"]

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A workstream, or a shared limit.", autocompletion=limits)
]
Key = Annotated[str | None, flag("--key", metavar="K", help="Only this key (tenant) of a workstream.")]


def pause(context: typer.Context, name: Name, key: Key = None, config: ConfigPath = None) -> None:
    """Start no job of a workstream until it is resumed.

    Of a shared limit: no job of any workstream within it. It is in force for the whole fleet at once;
    jobs that run go on.
    """
    from workstreams.control import pause as carry_out

    whose = _whose(name, key)
    declared = load(context, config)
    changed = carry_out(link_to(declared), declared, name, key or "")
    say(f"{whose} is paused" if changed else f"{whose} was paused already")


def resume(context: typer.Context, name: Name, key: Key = None, config: ConfigPath = None) -> None:
    """Let a paused workstream, key or shared limit go on."""
    from workstreams.control import resume as carry_out

    whose = _whose(name, key)
    declared = load(context, config)
    changed = carry_out(link_to(declared), declared, name, key or "")
    say(f"{whose} goes on" if changed else f"{whose} was not paused")


def _whose(name: str, key: str | None) -> str:
    if key == "":
        raise misuse("--key", "a key", key)
    return name if key is None else f"key {shown(key)} of {name}"
