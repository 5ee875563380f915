"""How a job that was sent ended, for ``send --wait``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from workstreams.cli.failures import FAILED, misuse
from workstreams.cli.screen import say, shown
from workstreams.units import parse_duration

if TYPE_CHECKING:
    from workstreams.declare.config import Config
    from workstreams.send.job import Job
    from workstreams.state import JobState
    from workstreams.store.link import Link

__all__ = ["patience_of", "tell_end"]


def patience_of(wait: bool, timeout: str | None) -> int | None:
    """How long to wait, in µs; None is for ever.

    Raises:
      ConfigError: When there is a time and nothing to wait for, or it is none.
    """
    if timeout is None:
        return None
    if not wait:
        raise misuse("--timeout", "it beside --wait", f"it without, with {timeout}", typed=False)
    try:
        return parse_duration(timeout)
    except ValueError as error:
        raise misuse("--timeout", str(error), timeout) from None


def tell_end(link: Link, declared: Config, job: Job[Any], patience: int | None) -> None:
    """Wait for a job's end and print it: its state, and its result as JSON or its error.

    Raises:
      JobTimeout: When it has not ended in time.
      typer.Exit: With 1 when it did not end as done.
    """
    from workstreams.control import wait_for_end
    from workstreams.state import read_job

    wait_for_end(link, job.queue_name, job.id, patience)
    state = read_job(link, declared, job.id, job.queue_name)
    said = _result(link, job) if state.state == "done" else _error(state)
    say(f"{state.state}{f': {said}' if said else ''}")
    if state.state != "done":
        raise typer.Exit(FAILED)


def _result(link: Link, job: Job[Any]) -> str:
    """The result as one line of JSON, "" if there is none."""
    from workstreams.state.decoding import text
    from workstreams.store.readable import readable

    with readable(link):
        stored: Any = link.scripts.client.get(link.keys.workstream(job.queue_name, "result", job.id))
    return "" if stored is None else shown(text(stored))


def _error(state: JobState) -> str:
    if state.error is None:
        return ""
    return shown(f"{state.error.get('type', '')}: {state.error.get('message', '')}")
