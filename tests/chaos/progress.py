"""Shows how a session goes: one line that is redrawn on a terminal, one line a fault elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tests.chaos.notes import Tail
from tests.chaos.settings import Settings

__all__ = ["Progress"]

#: Seconds between two drawings.
REDRAW = 0.25

#: What a session says besides the kinds of faults, and how it is shown.
STAGES = {"start": "starting", "fire": "under fire", "drain": "draining"}


class Progress:
    """Draws while a block runs.

    Parameters:
      folder: The session's: what was sent, begun and ended is counted in its logs.
      settings: What it does.
      console: Where to.
    """

    def __init__(self, folder: Path, settings: Settings, console: Console) -> None:
        self._settings, self._console = settings, console
        self._sends, self._runs = Tail(folder / "sends.log"), Tail(folder / "runs.log")
        self._counts: Counter[str] = Counter()
        self._stage, self._last, self._faults = "starting", "", 0
        self._began = self._stage_began = time.monotonic()
        self._over = threading.Event()
        self._live = Live(self._line(), console=console, transient=True, auto_refresh=False)
        self._thread = threading.Thread(target=self._draw, daemon=True)

    def tell(self, what: str) -> None:
        """A stage or a fault began."""
        if what in STAGES:
            self._stage, self._stage_began = STAGES[what], time.monotonic()
            return
        self._faults, self._last = self._faults + 1, what
        if not self._console.is_terminal:
            self._console.print(f"{time.monotonic() - self._stage_began:6.1f} s  {what}")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
            self._live.stop()

    def _draw(self) -> None:
        while not self._over.wait(REDRAW):
            self._counts["sent"] += self._sends.read().count(b"ack ")
            runs = self._runs.read()
            self._counts["begun"] += runs.count(b"start ")
            self._counts["ended"] += runs.count(b"end ")
            self._live.update(self._line(), refresh=True)

    def _line(self) -> Text:
        spent, counts = time.monotonic() - self._stage_began, self._counts
        of = f" of {self._settings.seconds:g}" if self._stage == STAGES["fire"] else ""
        text = Text(f"{self._stage} {spent:.0f}{of} s  ", style="bold")
        text.append(
            f"{counts['sent']:,} sent, {counts['begun']:,} begun, {counts['ended']:,} ended", "default"
        )
        return text.append(f"  {self._faults} faults, last {self._last or 'none'}", "dim")
