from __future__ import annotations

import threading
from datetime import UTC, datetime
from io import StringIO

import pytest

from workstreams.demo import screen
from workstreams.demo.arrivals import Counts
from workstreams.demo.rows import Row
from workstreams.demo.screen import View, as_line, show

ROWS = (Row("webhooks", "20/s, 5 at once", 812, 4, 3, 181, 0), Row("files", "2 at once", 0, 0, 0, 144, 0))
VIEW = View(ROWS, Counts(20, 184, 0, 19, 20), "http://127.0.0.1:4711", "Webhooks go out.")


class Terminal(StringIO):
    """A stream that says it is a terminal, and ends the show after a few writes."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop = stop

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        if self.getvalue().count("webhooks") > 2:
            self._stop.set()


class Pipe(StringIO):
    """A stream that ends the show after two lines."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop = stop

    def flush(self) -> None:
        if self.getvalue().count("webhooks") > 1:
            self._stop.set()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "_DRAW", 0.01)
    monkeypatch.setattr(screen, "_LINE", 0.01)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def drawn(view: View, environ: dict[str, str], *hints: str) -> str:
    stop = threading.Event()
    show(lambda: view, stop, stream := Terminal(stop), environ, hints)
    return stream.getvalue()


def written(view: View) -> list[str]:
    stop = threading.Event()
    show(lambda: view, stop, stream := Pipe(stop), {})
    return stream.getvalue().splitlines()


def test_a_terminal_shows_streams_limits_arrivals_and_what_was_refused() -> None:
    text = drawn(VIEW, {"NO_COLOR": "1"}, "export THIS")
    for word in (
        "webhooks",
        "20/s, 5 at once",
        "812",
        "181",
        "144",
        "arrivals/s",
        "refused",
        "Webhooks go out.",
    ):
        assert word in text
    assert text.startswith(("\x1b[2mexport THIS", "export THIS"))


def test_a_refusal_stands_out_in_colour_unless_no_colour_is_wanted() -> None:
    refused = View(ROWS, Counts(20, 184, 3, 19, 23), "http://127.0.0.1:4711", "")
    assert "31m" in drawn(refused, {})
    assert "31m" not in drawn(VIEW, {})
    assert "31m" not in drawn(refused, {"NO_COLOR": "1"})


def test_a_note_is_not_read_as_markup() -> None:
    view = View(ROWS, VIEW.counts, VIEW.url, "expected [bold] at [/x]", wrong=True)
    assert "expected [bold] at [/x]" in drawn(view, {"NO_COLOR": "1"})


def test_a_line_holds_the_same_numbers_and_no_colour() -> None:
    assert as_line(VIEW, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == (
        "2026-01-02T03:04:05Z demo"
        " | webhooks (20/s, 5 at once): waiting 812 running 3 done 181"
        " | files (2 at once): waiting 0 running 0 done 144"
        " | receiver: 19 arrivals/s, worst second 20 of 20, refused 0"
    )


def test_a_dead_letter_is_named_in_the_line() -> None:
    view = View((Row("webhooks", "20/s", 0, 0, 0, 1, 2),), VIEW.counts, VIEW.url, "")
    assert "done 1 dead 2" in as_line(view, datetime.now(UTC))


def test_a_pipe_gets_lines_and_each_note_once() -> None:
    lines = written(VIEW)
    assert lines.count("Webhooks go out.") == 1
    assert sum("receiver: 19 arrivals/s" in line for line in lines) >= 2
    assert "\x1b" not in "".join(lines)


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in drawn(VIEW, {})


def test_a_reader_that_is_gone_ends_it_without_a_traceback() -> None:
    class Gone(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    show(lambda: VIEW, threading.Event(), Gone(), {})
