"""Shows the same thing again every second, on a terminal."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable

from workstreams.cli.failures import misuse
from workstreams.errors import RedisUnavailable

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
    if json:
        raise misuse("--watch", "a terminal to show it on", "--json", "ask again when you like")
    if not sys.stdout.isatty():
        raise misuse("--watch", "a terminal to show it on", "a pipe or a file", "ask again when you like")


def repeat(show: Callable[[], None]) -> None:
    """Print something on a cleared screen until Ctrl-C.

    Parameters:
      show: Prints it.

    Raises:
      RedisUnavailable: When the first look fails; later ones are tried again.
    """
    from rich.live import Live
    from rich.text import Text

    seen = _printed(show)
    with Live(Text.from_ansi(seen), screen=True, auto_refresh=False) as live:
        while True:
            live.update(Text.from_ansi(seen), refresh=True)
            time.sleep(PAUSE)  # a table that a person reads
            try:
                seen = _printed(show)
            except RedisUnavailable as error:
                seen = f"{error}\n"


def _printed(show: Callable[[], None]) -> str:
    terminal = _Terminal()
    with contextlib.redirect_stdout(terminal):
        show()
    return terminal.getvalue()
