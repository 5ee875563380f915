"""``python -m tests.chaos``: one command that runs a fleet under faults and judges what happened."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.chaos.checker import judge, story_of
from tests.chaos.checks.evidence import Broken, Evidence
from tests.chaos.history import History
from tests.chaos.plan import GROUPS, kinds_of
from tests.chaos.progress import Progress
from tests.chaos.report import rows_of, table_of
from tests.chaos.session import Session
from tests.chaos.settings import Settings
from workstreams.units import parse_duration, parse_rate

#: How many of the broken promises are told, and of how many the job's history is.
TOLD, STORIES = 40, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a session, or judge the history of an earlier one.

    Returns:
      0 when every promise was kept, 1 otherwise.
    """
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    if options.judge is not None:
        return 1 if tell(options.judge, console) else 0
    # Whoever ends this is not to leave a fleet behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = _settings(options)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    console.print(
        f"seed {settings.seed}, faults: {', '.join(settings.faults)}; the history is kept in {folder}"
    )
    with Progress(folder, settings, console) as progress:
        Session(folder, settings, progress.tell).run()
    broken = tell(folder, console)
    if not broken and options.folder is None and not options.keep:
        shutil.rmtree(folder)
    return 1 if broken else 0


def tell(folder: Path, console: Console) -> bool:
    """Judge a history and print the table, and what is wrong with the history of whom.

    Returns:
      Whether a promise was broken.
    """
    evidence = Evidence(History.load(folder))
    broken = judge(evidence)
    rows = rows_of(evidence, broken)
    console.print(
        table_of(rows, f"{evidence.history.settings.seconds:g} s, seed {evidence.history.settings.seed}")
    )
    _tell_broken(evidence, broken, console)
    return bool(broken) or any(row.fine is False for row in rows)


def _tell_broken(evidence: Evidence, broken: Sequence[Broken], console: Console) -> None:
    for one in broken[:TOLD]:
        console.print(f"[bold red]{one.promise}[/] {one.what} {one.job}", markup=True, soft_wrap=True)
    if len(broken) > TOLD:
        console.print(f"… and {len(broken) - TOLD} more")
    for job in list(dict.fromkeys(one.job for one in broken if one.job))[:STORIES]:
        console.print(f"\nhistory of {job}")
        for line in story_of(evidence, job):
            console.print("  " + line, markup=False, soft_wrap=True)


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        seconds=options.seconds,
        seed=options.seed,
        jobs=options.jobs,
        rates=tuple(options.rate or Settings().rates),
        concurrency=options.concurrency,
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
    return parse_duration(text if text[-1:].isalpha() else f"{text}s") / 1_000_000


def _rate(text: str) -> str:
    parse_rate(text)
    return text


def _faults(text: str) -> tuple[str, ...]:
    try:
        return kinds_of(text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=_seconds, default=60.0, help="how long faults happen")
    parser.add_argument("--jobs", type=int, help="send at most so many; left out, as many as the rates allow")
    parser.add_argument("--rate", type=_rate, nargs="+", help="rates that all hold (200/s 10000/m)")
    parser.add_argument("--concurrency", type=int, default=50)
    parser.add_argument(
        "--kill-every", type=_seconds, default=5.0, help="time between two faults, on average"
    )
    parser.add_argument("--seed", type=int, default=time.time_ns() // 1000 % 1_000_000)
    parser.add_argument("--lease", type=_seconds, default=2.0)
    parser.add_argument("--hosts", "--workers", type=int, default=3, help="supervisors")
    parser.add_argument("--processes", type=int, default=2, help="worker processes of each")
    parser.add_argument("--threads", type=int, default=16, help="jobs at once in one worker process")
    parser.add_argument("--schedulers", type=int, default=2)
    default = kinds_of(["kill"])
    parser.add_argument("--faults", type=_faults, default=default, help=f"kinds, or {', '.join(GROUPS)}")
    parser.add_argument("--fsync", choices=("everysec", "always"), default="everysec", help="of Redis's log")
    parser.add_argument("--share", type=float, default=95.0, help="per cent of what is allowed to be reached")
    parser.add_argument("--folder", type=Path, help="keep the history here")
    parser.add_argument("--keep", action="store_true", help="keep the history also when all is well")
    parser.add_argument(
        "--judge", type=Path, metavar="FOLDER", help="judge the history of an earlier session"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
