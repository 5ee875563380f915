"""``workstreams check``: whether config, actors and server fit together; starts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from workstreams.cli.failures import exit_code_of, tell
from workstreams.cli.options import ConfigPath, link_to, load
from workstreams.cli.screen import note, say, shown, table
from workstreams.errors import (
    ConfigError,
    NothingRunsHere,
    RedisUnavailable,
    RedisUnsuitable,
    WorkstreamsError,
)

if TYPE_CHECKING:
    from workstreams.declare.config import Config, Limit, Workstream

__all__ = ["NAME", "command"]

NAME = "check"

_COLUMNS = ("WORKSTREAM", "RATE", "CONCURRENCY", "WITHIN", "THREADS", "POOL", "ACTORS")


def command(context: typer.Context, config: ConfigPath = None) -> None:
    """Check that config, actors and server fit together.

    Tells everything that is wrong at once; starts nothing.
    """
    from workstreams.cli.imports import actors_of

    declared = load(context, config)
    failures: list[WorkstreamsError] = []
    actors, problems = actors_of(declared)
    if problems:
        failures.append(ConfigError(problems))
    table(_COLUMNS, [_row(one, actors.get(one.name, [])) for one in declared.workstreams.values()])
    try:
        say(f"server: {shown(_server(declared))}")
    except (RedisUnavailable, RedisUnsuitable) as error:
        failures.append(error)
    for failure in failures:
        tell(failure)
    if failures:
        raise typer.Exit(min(map(exit_code_of, failures)))
    say(f"all is well: {len(declared.workstreams)} workstreams, {sum(map(len, actors.values()))} actors")


def _row(workstream: Workstream, actors: list[str]) -> list[object]:
    return [
        workstream.name,
        _rates(workstream),
        "-" if workstream.concurrency is None else workstream.concurrency,
        ", ".join(workstream.within) or "-",
        workstream.threads,
        workstream.pool,
        ", ".join(actors) or "-",
    ]


def _rates(limit: Limit) -> str:
    from workstreams.units import Rate

    return (
        ", ".join(
            f"{Rate(rate.permits, rate.window)}" + (f" burst {rate.burst}" if rate.burst else "")
            for rate in limit.rates
        )
        or "-"
    )


def _server(config: Config) -> str:
    """What serves the config, in words.

    Raises:
      RedisUnavailable: When it cannot be reached, or an embedded one could not be run.
      RedisUnsuitable: When it cannot hold the promises.
    """
    from workstreams.store.check import require_suitable, server_facts
    from workstreams.store.client import address, redis_errors
    from workstreams.store.embedded.locate import find_engine

    link = link_to(config)
    try:
        url = link.url
    except NothingRunsHere:
        return f"embedded {find_engine()}, not running: workstreams up starts it"
    with redis_errors(url):
        facts = server_facts(link.scripts.client)
    for warning in require_suitable(facts):
        note(f"warning: {warning}")
    return f"{facts} at {address(url)}"
