"""``workstreams jobs``: jobs, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.arguments import one_of
from workstreams.cli.completing import states
from workstreams.cli.failures import misuse
from workstreams.cli.listing import Actor, Limit, Name, print_jobs
from workstreams.cli.options import ConfigPath, Json, flag, link_to, load
from workstreams.units import parse_duration

if TYPE_CHECKING:
    from workstreams.store.link import Link

__all__ = ["NAME", "command"]

NAME = "jobs"

State = Annotated[
    str | None,
    flag(
        "--state",
        metavar="S",
        autocompletion=states,
        help="scheduled, waiting, running, done, dead, cancelled or discarded.",
    ),
]
Key = Annotated[str | None, flag("--key", metavar="K", help="Only this key (tenant).")]
Since = Annotated[
    str | None, flag("--since", metavar="1h", help="Sent, started or ended at most so long ago.")
]


def command(
    context: typer.Context,
    name: Name = None,
    state: State = None,
    actor: Actor = None,
    key: Key = None,
    since: Since = None,
    limit: Limit = 50,
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """List jobs, newest first.

    They are ordered by when they were last sent, started or ended. Of scheduled
    jobs those come into the list that are due soonest.
    """
    from workstreams.state import STATES, JobFilter, list_jobs

    one_of("--state", state, STATES)
    declared = load(context, config)
    link = link_to(declared)
    names = None if name is None else [declared.workstream(name).name]
    wanted = JobFilter(state, actor, key, None if since is None else _ago(link, since), limit)
    print_jobs(
        list_jobs(link, declared, names, wanted),
        declared,
        json,
        "there is no such job" if name or state or actor or key or since else "no job is known yet",
    )


def _ago(link: Link, since: str) -> int:
    """µs since 1970, by Redis's clock, of so long ago."""
    from workstreams.log.streams import server_us
    from workstreams.store.readable import readable

    try:
        length = parse_duration(since)
    except ValueError as error:
        raise misuse("--since", str(error), since) from None
    with readable(link):
        return max(server_us(link.scripts.client) - length, 0)
