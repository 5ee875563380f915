"""``workstreams purge``: empties a workstream."""

from __future__ import annotations

from typing import Annotated

import typer

from workstreams.cli.arguments import one_of
from workstreams.cli.completing import workstreams
from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, flag, link_to, load
from workstreams.cli.screen import counted, say

__all__ = ["NAME", "command"]

NAME = "purge"

State = Annotated[
    str | None,
    flag("--state", metavar="S", help="Only waiting, scheduled or dead ones.  [default: all of these]"),
]
Yes = Annotated[bool, flag("--yes", allow_from_autoenv=False, help="Yes, I mean it.")]


def command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The workstream.", autocompletion=workstreams)],
    state: State = None,
    yes: Yes = False,
    config: ConfigPath = None,
) -> None:
    """Discard what waits in a workstream, is scheduled or is dead.

    Jobs that run go on.
    """
    from workstreams.control import PURGEABLE, purge

    one_of("--state", state, PURGEABLE)
    declared = load(context, config)
    declared.workstream(name)
    if not yes:
        raise misuse("--yes", f'it, to discard jobs of "{name}" for good')
    link = link_to(declared)
    for one in PURGEABLE if state is None else (state,):
        purged = purge(link, name, one)
        say(f"{counted(purged, f'{one} job')} discarded")
