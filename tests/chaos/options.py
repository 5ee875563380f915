"""The command's flags, as the settings of a session."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.chaos.plan import GROUPS, KINDS, kinds_of
from tests.chaos.settings import Settings
from workstreams.units import parse_duration, parse_rate

__all__ = ["parser", "settings_of"]

#: Without --faults: everything but a loss of power, which takes data along that nobody can bring back.
DEFAULT = ("kill", "stop", "deploy", "redis", "full", "proxy", "operate")


def parser() -> argparse.ArgumentParser:
    """The flags."""
    about = "A fleet of real processes under faults out of a seed, judged by its history."
    made = argparse.ArgumentParser(prog="python -m tests.chaos", description=about)
    add, usual = made.add_argument, Settings()
    add("--seconds", type=_seconds, default=usual.seconds, help="how long faults happen (60)")
    add("--seed", type=int, default=time.time_ns() // 1000 % 1_000_000, help="the same one, the same faults")
    add("--jobs", type=int, help="send at most so many; left out, as many as the rates allow")
    add("--rate", type=_rate, nargs="+", action="extend", help="rates, which all hold (200/s 10000/m)")
    add("--concurrency", type=int, default=usual.concurrency, help="jobs at once over the fleet (50)")
    add("--work", type=float, default=usual.work, help="of the jobs' lengths, 5 ms to 2 s, so many times (1)")
    add("--kill-every", type=_seconds, default=usual.kill_every, help="time between faults, on average (5s)")
    add("--lease", type=_seconds, default=usual.lease, help="(2s)")
    add("--hosts", "--workers", type=int, default=usual.hosts, help="supervisors (3)")
    add("--processes", type=int, default=usual.processes, help="worker processes of each (2)")
    add("--threads", type=int, default=usual.threads, help="jobs at once in one worker process (16)")
    add("--schedulers", type=int, default=usual.schedulers, help="(2)")
    known = ", ".join([*GROUPS, *KINDS])
    add("--faults", type=_faults, default=kinds_of(DEFAULT), help=f"some of {known} ({','.join(DEFAULT)})")
    add("--fsync", choices=("everysec", "always"), default=usual.fsync, help="Redis's appendfsync (everysec)")
    add("--share", type=float, default=usual.share, help="least per cent of what is allowed; 0 for any (95)")
    add("--folder", type=Path, help="keep the history here; the path of a socket in it holds 107 bytes")
    add("--keep", action="store_true", help="keep the history also when all is well")
    add("--judge", type=Path, metavar="FOLDER", help="only judge the history of an earlier session")
    return made


def settings_of(options: argparse.Namespace) -> Settings:
    """What the flags say."""
    return Settings(
        seconds=options.seconds,
        seed=options.seed,
        jobs=options.jobs,
        rates=tuple(options.rate or Settings().rates),
        concurrency=options.concurrency,
        work=options.work,
        kill_every=options.kill_every,
        lease=options.lease,
        hosts=options.hosts,
        processes=options.processes,
        threads=options.threads,
        schedulers=options.schedulers,
        faults=options.faults,
        fsync=options.fsync,
        share=options.share,
    )


def _seconds(text: str) -> float:
    """A duration; a bare number is seconds, as in the flag's name."""
    try:
        return parse_duration(f"{text}s" if text[-1:].isdigit() else text) / 1_000_000
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}, found {text!r}") from error


def _rate(text: str) -> str:
    try:
        parse_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}, found {text!r}") from error
    return text


def _faults(text: str) -> tuple[str, ...]:
    try:
        return kinds_of(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}") from error
