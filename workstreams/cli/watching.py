"""Shows the same thing again every second, on a terminal."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workstreams.cli.failures import misuse
from workstreams.errors import RedisUnavailable

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["check_watchable", "repeat"]

#: Seconds between two looks.
PAUSE = 1.0


class _Terminal(io.StringIO):
    """Takes what is printed for a terminal."""

    def isatty(self) -> bool:
        return True


def check_watchable(json: bool) -> None:
    """Refuse to watch where nobody can.

    Raises:
      ConfigError: With ``--json``, or when the output is no terminal.
    """
    found = "--json" if json else "" if sys.stdout.isatty() else "a pipe or a file"
    if found:
        raise misuse("--watch", "a terminal to show it on", found, "ask again when you like", typed=False)


def repeat(show: Callable[[], None], about: str) -> None:
    """Print something on a cleared screen until Ctrl-C.

    Parameters:
      show: Prints it.
      about: What is said below it, before the time.

    Raises:
      RedisUnavailable: When the first look fails; later ones are tried again, below what was seen last.
    """
    from rich.live import Live

    seen, trouble = _printed(show), ""
    with Live(_frame(seen, about, trouble), screen=True, auto_refresh=False) as live:
        while True:
            live.update(_frame(seen, about, trouble), refresh=True)
            time.sleep(PAUSE)  # a table that a person reads
            try:
                seen, trouble = _printed(show), ""
            except RedisUnavailable as error:
                trouble = str(error)


def _frame(seen: str, about: str, trouble: str) -> Text:
    from rich.text import Text

    now = datetime.now(UTC).strftime("%H:%M:%SZ")
    below = Text(f"{about}, now {now}; Ctrl-C ends it", style="dim")
    if trouble:
        below = Text(f"not seen since: {trouble}\n", style="red") + below
    return Text.from_ansi(seen.rstrip("\n")) + Text("\n\n") + below


def _printed(show: Callable[[], None]) -> str:
    terminal = _Terminal()
    with contextlib.redirect_stdout(terminal):
        show()
    return terminal.getvalue()
