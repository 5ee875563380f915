"""``workstreams worker``: worker processes for all or some workstreams."""

from __future__ import annotations

from typing import Annotated

import typer

from workstreams.cli.completing import workstreams
from workstreams.cli.failures import misuse
from workstreams.cli.options import ConfigPath, flag, source_of

__all__ = ["NAME", "Watch", "command"]

NAME = "worker"

Queues = Annotated[
    list[str] | None,
    flag(
        "-q",
        "--queue",
        metavar="NAME",
        autocompletion=workstreams,
        help="Only this workstream; may be given several times.",
    ),
]
Pools = Annotated[
    list[str] | None,
    flag("--pool", metavar="P", help="Only the processes of this pool; may be given several times."),
]
Processes = Annotated[
    int | None,
    flag("--processes", min=1, max=1000, metavar="N", help="Processes in each pool."),
]
UntilEmpty = Annotated[bool, flag("--until-empty", help="End when nothing waits, is scheduled or runs.")]
Watch = Annotated[
    bool,
    flag(
        "--watch", help="Reload when the config, or a Python file below its path:, changes; for development."
    ),
]


def command(
    context: typer.Context,
    queue: Queues = None,
    pool: Pools = None,
    processes: Processes = None,
    until_empty: UntilEmpty = False,
    watch: Watch = False,
    config: ConfigPath = None,
) -> None:
    """Run workers for all or some workstreams.

    Ctrl-C drains and stops; once more stops at once.
    """
    if watch and until_empty:
        raise misuse("--until-empty", "it without --watch, which waits for changes", "both", typed=False)
    source = source_of(context, config)
    declared = source.load()
    for name in queue or ():
        declared.workstream(name)
    for name in pool or ():
        declared.queues(name)
    from workstreams.supervisor.orders import Orders
    from workstreams.supervisor.run import supervise

    orders = Orders(
        pools=tuple(pool) if pool else None,
        only=tuple(queue) if queue else None,
        processes=processes,
        until_empty=until_empty,
    )
    raise typer.Exit(supervise(declared, source, orders, watch=watch))
