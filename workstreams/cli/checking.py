"""What ``workstreams check`` finds, before it is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workstreams.cli.options import link_to
from workstreams.errors import (
    ConfigError,
    NothingRunsHere,
    Problem,
    RedisUnavailable,
    RedisUnsuitable,
    WorkstreamsError,
)

if TYPE_CHECKING:
    from workstreams.declare.config import Config, Limit
    from workstreams.store.scripts import Scripts

__all__ = ["Findings", "Planned", "examine", "problem_records", "rates_of"]

#: How many of the next fires are told for each schedule.
_FIRES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Planned:
    """One schedule.

    Attributes:
      name: The schedule.
      when: When it fires, in words.
      actor: What it sends.
      workstream: Where its jobs wait; "" if that is not known.
      enabled: Whether it fires by itself.
      fires: The next times, ISO 8601.
    """

    name: str
    when: str
    actor: str
    workstream: str
    enabled: bool
    fires: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """What fits together, and what does not.

    Attributes:
      config: What was examined.
      actors: Names of actors by workstream.
      schedules: Every schedule.
      server: What serves the config, in words; "" if nothing can.
      warnings: What the server should do otherwise.
      failures: Everything that is wrong.
    """

    config: Config
    actors: Mapping[str, list[str]]
    schedules: tuple[Planned, ...]
    server: str
    warnings: tuple[str, ...]
    failures: tuple[WorkstreamsError, ...]

    def records(self) -> Iterator[dict[str, Any]]:
        """An object for each workstream, each schedule and the server."""
        for one in self.config.workstreams.values():
            yield {
                "kind": "workstream",
                "name": one.name,
                "rate": rates_of(one),
                "concurrency": one.concurrency,
                "within": list(one.within),
                "threads": one.threads,
                "pool": one.pool,
                "actors": self.actors.get(one.name, []),
            }
        for plan in self.schedules:
            yield {
                "kind": "schedule",
                "name": plan.name,
                "when": plan.when,
                "actor": plan.actor,
                "workstream": plan.workstream or None,
                "enabled": plan.enabled,
                "next": list(plan.fires),
            }
        if self.server:
            yield {"kind": "server", "server": self.server, "warnings": list(self.warnings)}


def examine(config: Config) -> Findings:
    """Hold a config against its modules and its server; nothing is started.

    Parameters:
      config: What to examine.
    """
    from workstreams.cli.imports import actors_of
    from workstreams.schedule.checking import check_schedules

    failures: list[WorkstreamsError] = []
    actors, problems = actors_of(config)
    by_actor = {actor: workstream for workstream, names in actors.items() for actor in names}
    problems += check_schedules(config, by_actor)
    if problems:
        failures.append(ConfigError(problems))
    server = ""
    warnings: tuple[str, ...] = ()
    try:
        server, warnings = _server(config)
    except (RedisUnavailable, RedisUnsuitable) as error:
        failures.append(error)
    return Findings(config, actors, tuple(_planned(config, by_actor)), server, warnings, tuple(failures))


def problem_records(failures: tuple[WorkstreamsError, ...]) -> Iterator[dict[str, Any]]:
    """An object for each thing that is wrong."""
    for failure in failures:
        problems: tuple[Problem | None, ...] = getattr(failure, "problems", ()) or (None,)
        for problem in problems:
            file = problem and problem.file
            yield {
                "kind": "problem",
                "error": str(problem or failure),
                "file": str(file) if file else None,
                "line": problem.line if problem else None,
            }


def rates_of(limit: Limit) -> str | None:
    """Its rates in words; None where it has none."""
    from workstreams.state import rates_in_words

    return rates_in_words(limit.rates) if limit.rates else None


def _planned(config: Config, by_actor: Mapping[str, str]) -> Iterator[Planned]:
    from workstreams.schedule.checking import workstreams_of
    from workstreams.schedule.moments import iso, to_us
    from workstreams.schedule.when import described, next_fires

    found = workstreams_of(config, by_actor)
    for name, schedule in config.schedules.items():
        fires = next_fires(schedule, datetime.now(UTC), _FIRES) if schedule.enabled else []
        told = tuple(iso(to_us(fire)) for fire in fires)
        when = described(schedule)
        yield Planned(name, when, schedule.actor, found.get(name, ""), schedule.enabled, told)


def _server(config: Config) -> tuple[str, tuple[str, ...]]:
    """What serves the config, in words, and warnings.

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
        return f"embedded {find_engine()}, not running: workstreams up starts it", ()
    with redis_errors(url):
        facts = server_facts(link.scripts.client)
        _operate(link.scripts)
    return f"{facts} at {address(url)}", tuple(require_suitable(facts))


def _operate(scripts: Scripts) -> None:
    """Load the operations and call one that writes nothing: a user may be forbidden either."""
    scripts.load()
    scripts.run("job_await", {"workstream": "", "job": ""})
