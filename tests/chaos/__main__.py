"""``python -m tests.chaos``: one command that runs a fleet under faults and judges what happened.

Supervisors, their workers, schedulers and Redis are killed, stopped and cut off, all by a plan that follows
from the seed. Three logs tell what happened: what was sent, which the senders write; what ran, which the jobs
write; and what arrived at a server that the jobs call. They are held against each other and against the
events that the system wrote itself. The exit code is 0 when every promise was kept, and 1 otherwise; the
history is kept then, and ``--judge FOLDER`` judges it again.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.chaos.options import parser, settings_of
from tests.chaos.progress import Progress
from tests.chaos.report import report
from tests.chaos.session import Session
from tests.chaos.settings import Settings

__all__ = ["main"]

#: Columns where the output is no terminal.
WIDTH = 140


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a session, or judge the history of an earlier one.

    Returns:
      0 when every promise was kept, 1 otherwise.
    """
    options = parser().parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    if options.judge is not None:
        return 0 if report(options.judge, console) else 1
    # Whoever ends this is not to leave a fleet behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = options.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    _run(folder, settings_of(options), console)
    fine = report(folder, console)
    if fine and options.folder is None and not options.keep:
        shutil.rmtree(folder)
    else:
        console.print(f"the history is in {folder}")
    return 0 if fine else 1


def _run(folder: Path, settings: Settings, console: Console) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    console.print(f"seed {settings.seed}, faults: {', '.join(settings.faults)}")
    with Progress(folder, settings, console) as progress:
        Session(folder, settings, progress.tell).run()


if __name__ == "__main__":
    sys.exit(main())
