"""``workstreams purge``: empties a workstream."""

from __future__ import annotations

from typing import Annotated

import typer

from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, flag, link_to, load
from workstreams.cli.screen import say

__all__ = ["NAME", "command"]

NAME = "purge"

State = Annotated[
    str | None,
    flag("--state", metavar="S", help="Only waiting, scheduled or dead ones.  [default: all of these]"),
]
Yes = Annotated[bool, flag("--yes", allow_from_autoenv=False, help="Yes, I mean it.")]


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The workstream.")],
    state: State = None,
    yes: Yes = False,
    config: ConfigPath = None,
) -> None:
    """Discard the jobs of a workstream that wait, are scheduled or are dead; those that run go on."""
    from workstreams.control import PURGEABLE, purge

    if state is not None and state not in PURGEABLE:
        raise misuse("--state", f"one of {', '.join(PURGEABLE)}", state)
    declared = load(context, config)
    declared.workstream(name)
    if not yes:
        raise misuse("--yes", f'it, to discard jobs of "{name}" for good', "nothing")
    link = link_to(declared)
    for one in PURGEABLE if state is None else (state,):
        purged = purge(link, name, one)
        say(f"{purged} {one} job{'' if purged == 1 else 's'} discarded")
