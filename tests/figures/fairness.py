"""The command ``fair``: server time by number of keys, how evenly they take turns, how long few wait."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from tests.figures.arrivals import LIMITS, compare
from tests.figures.cost import costs
from tests.figures.project import a_server
from tests.figures.shares import broken_of, share
from tests.figures.show import progress, show
from tests.lua.rig import Rig
from workstreams.store.client import worker_client

__all__ = ["PARTS", "options", "run"]

#: Keys with jobs, jobs of each, jobs of the whale, and what holds for each key.
SHARES = (
    (10_000, 10, 100_000, None),
    (1_000, 55, 100_000, None),
    (1_000, 55, 100_000, {"weights": {"tenant-00000": 5, "tenant-00001": 3}}),
    (1_000, 55, 100_000, {"concurrency": 1_000}),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--only", nargs="*", choices=tuple(PARTS), help="some parts of it")
    parser.add_argument("--keys", type=int, nargs="*", default=[1, 100, 1_000, 10_000], help="for cost")
    parser.add_argument("--rounds", type=int, default=9, help="for cost; the median is shown (9)")
    parser.add_argument("--calls", type=int, default=100, help="for cost, of each kind in a round (100)")
    parser.add_argument("--scale", type=float, default=1.0, help="for shares: of their numbers (1)")
    parser.add_argument("--seconds", type=float, default=30.0, help="for arrivals (30)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and show; returns what was broken."""
    broken: list[str] = []
    with a_server() as url, worker_client(url) as client:
        for name, part in PARTS.items():
            if not options.only or name in options.only:
                broken += part(url, client, options)
    return broken


def _rigs(client: redis.Redis, folder: str) -> Iterator[Rig]:
    while True:
        client.flushall()
        yield Rig(client, Path(folder))


def _cost(url: str, client: redis.Redis, options: argparse.Namespace) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="wsf") as folder:
        rows = list(costs(_rigs(client, folder), options.keys, options.rounds, options.calls))
    show("cost", rows, repeat=3)
    return []


def _shares(url: str, client: redis.Redis, options: argparse.Namespace) -> list[str]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="wsf") as folder:
        rigs = _rigs(client, folder)
        for small, each, whale, per_key in progress(SHARES):
            few = max(3, round(small * options.scale)), each, round(whale * options.scale)
            rows.append({"per_key": _words(per_key), **share(next(rigs), *few, per_key)})
    show("shares", rows, repeat=4)
    return [sentence for row in rows for sentence in broken_of(row)]


def _words(per_key: object) -> str:
    return ", ".join(per_key) if isinstance(per_key, dict) else ""


def _arrivals(url: str, client: redis.Redis, options: argparse.Namespace) -> list[str]:
    rows = [compare(url, name, options.seconds) for name in progress(list(LIMITS))]
    show("arrivals", rows)
    return [f"{row['limit']}: {row['never_started']} never started" for row in rows if row["never_started"]]


#: In the order in which they are measured.
PARTS: dict[str, Callable[[str, redis.Redis, argparse.Namespace], list[str]]] = {
    "cost": _cost,
    "shares": _shares,
    "arrivals": _arrivals,
}
