"""``workstreams tail``: log lines and events, as they come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workstreams.cli.arguments import id_of, one_of
from workstreams.cli.completing import workstreams
from workstreams.cli.failures import misuse
from workstreams.cli.naming import job_named
from workstreams.cli.options import ConfigPath, Json, flag, link_to, load
from workstreams.cli.screen import say
from workstreams.errors import ConfigError
from workstreams.units import parse_duration

if TYPE_CHECKING:
    import redis

    from workstreams.declare.config import Config
    from workstreams.store.link import Link

__all__ = ["NAME", "command"]

NAME = "tail"

#: Lines shown before it goes on, where nothing else says where to begin.
_LAST = 50

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Only these workstreams.", autocompletion=workstreams),
]
JobId = Annotated[str | None, flag("--job", metavar="ID", help="Only this job.")]
Actor = Annotated[str | None, flag("--actor", metavar="A", help="Only this actor.")]
Level = Annotated[str | None, flag("--level", metavar="L", help="Only this level and above: debug, info, …")]
Grep = Annotated[str | None, flag("--grep", metavar="TEXT", help="Only lines with this text in name=value.")]
Since = Annotated[str | None, flag("--since", metavar="10m", help="Begin so long ago.")]
Last = Annotated[
    int | None,
    flag("-n", "--last", min=0, metavar="N", help="So many lines first.  [default: 50]"),
]
Follow = Annotated[bool, flag("--follow/--no-follow", help="Wait for more, or stop at the end.")]
After = Annotated[
    str | None,
    flag("--after", metavar="CURSOR", help="Go on behind a line, by its cursor in --json."),
]


def command(
    context: typer.Context,
    names: Names = None,
    job: JobId = None,
    actor: Actor = None,
    level: Level = None,
    grep: Grep = None,
    since: Since = None,
    last: Last = None,
    follow: Follow = True,
    after: After = None,
    json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show log lines and events, and new ones as they come.

    They come in the order in which they happened. Ctrl-C ends it.
    """
    from workstreams.log.follow import follow as read
    from workstreams.log.lines import LEVELS
    from workstreams.log.render import renderer
    from workstreams.store.client import ping

    one_of("--level", level, LEVELS)
    _check_cursor(after)
    declared = load(context, config)
    for name in names or ():
        declared.workstream(name)
    link = link_to(declared)
    # Whoever follows is patient with Redis, but not at the start.
    ping(link.scripts.client)
    begin = None if since is None else _ago(link.scripts.client, since)
    if last is None and after is None and since is None and job is None:
        last = _LAST
    lines = read(
        link.listener(),
        link.keys,
        names or None,
        after=after,
        since_us=begin,
        last=last,
        job=None if job is None else _whole(link, declared, job),
        actor=actor,
        level=level,
        grep=grep,
        follow=follow,
    )
    write = renderer(sys.stdout, "json" if json else "pretty")
    for line in lines:
        say(write(line.record() if json else line.values))


def _whole(link: Link, declared: Config, job: str) -> str:
    from workstreams.errors import JobNotFound

    try:
        return job_named(link, declared, id_of(job, "--job") or "")[1]
    except JobNotFound:
        # Lines are kept for longer than jobs.
        return job


def _check_cursor(text: str | None) -> None:
    from workstreams.log.position import parse_position

    try:
        parse_position(text or "")
    except ConfigError:
        if text is not None:
            raise misuse("--after", "the cursor of a line, as tail --json prints it", text) from None


def _ago(client: redis.Redis, text: str) -> int:
    """µs since 1970, by Redis's clock, of so long ago."""
    from workstreams.log.streams import server_us

    try:
        return max(server_us(client) - parse_duration(text), 0)
    except ValueError as error:
        raise misuse("--since", str(error), text) from None
