"""``workstreams check``: whether config, actors and server fit together; starts nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from workstreams.cli.failures import exit_code_of, tell
from workstreams.cli.options import ConfigPath, link_to, load
from workstreams.cli.screen import counted, note, say, shown
from workstreams.cli.tables import table
from workstreams.errors import (
    ConfigError,
    NothingRunsHere,
    Problem,
    RedisUnavailable,
    RedisUnsuitable,
    WorkstreamsError,
)

if TYPE_CHECKING:
    from workstreams.declare.config import Config, Limit, Workstream
    from workstreams.store.scripts import Scripts

__all__ = ["NAME", "command"]

NAME = "check"

_COLUMNS = ("WORKSTREAM", "RATE", "CONCURRENCY", "WITHIN", "THREADS", "POOL", "ACTORS")
_SCHEDULES = ("SCHEDULE", "WHEN", "ACTOR", "STREAM", "NEXT")

#: How many of the next fires are told for each schedule.
_FIRES = 5


def command(context: typer.Context, config: ConfigPath = None) -> None:
    """Check that config, actors and server fit together.

    Tells everything that is wrong at once; starts nothing.
    """
    from workstreams.cli.imports import actors_of

    declared = load(context, config)
    failures: list[WorkstreamsError] = []
    actors, problems = actors_of(declared)
    problems += _problems_of_schedules(declared, actors)
    if problems:
        failures.append(ConfigError(problems))
    table(_COLUMNS, [_row(one, actors.get(one.name, [])) for one in declared.workstreams.values()])
    if declared.schedules:
        table(_SCHEDULES, _schedules(declared, actors))
    try:
        say(f"server: {shown(_server(declared))}")
    except (RedisUnavailable, RedisUnsuitable) as error:
        failures.append(error)
    for failure in failures:
        tell(failure)
    if failures:
        raise typer.Exit(min(map(exit_code_of, failures)))
    say(_verdict(declared, actors))


def _verdict(config: Config, actors: Mapping[str, list[str]]) -> str:
    counts = [
        counted(len(config.workstreams), "workstream"),
        counted(sum(map(len, actors.values())), "actor"),
    ]
    if config.schedules:
        counts.append(counted(len(config.schedules), "schedule"))
    return f"all is well: {', '.join(counts)}"


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


def _by_actor(actors: Mapping[str, list[str]]) -> dict[str, str]:
    return {actor: workstream for workstream, names in actors.items() for actor in names}


def _problems_of_schedules(config: Config, actors: Mapping[str, list[str]]) -> list[Problem]:
    from workstreams.schedule.checking import check_schedules

    return check_schedules(config, _by_actor(actors))


def _schedules(config: Config, actors: Mapping[str, list[str]]) -> Iterator[list[object]]:
    from workstreams.schedule.checking import workstreams_of
    from workstreams.schedule.moments import iso, to_us
    from workstreams.schedule.when import described, next_fires

    found = workstreams_of(config, _by_actor(actors))
    for name, schedule in config.schedules.items():
        fires = next_fires(schedule, datetime.now(UTC), _FIRES) if schedule.enabled else []
        told = ", ".join(iso(to_us(fire)) for fire in fires) or "- (enabled: false)"
        yield [name, described(schedule), schedule.actor, found.get(name, "-"), told]


def _rates(limit: Limit) -> str:
    from workstreams.state import rates_in_words

    return rates_in_words(limit.rates) if limit.rates else "-"


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
        _operate(link.scripts)
    for warning in require_suitable(facts):
        note(f"warning: {warning}")
    return f"{facts} at {address(url)}"


def _operate(scripts: Scripts) -> None:
    """Load the operations and call one that writes nothing: a user may be forbidden either."""
    scripts.load()
    scripts.run("job_await", {"workstream": "", "job": ""})
