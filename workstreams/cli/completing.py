"""What a shell may complete an argument to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from workstreams.cli.options import load
from workstreams.errors import WorkstreamsError

if TYPE_CHECKING:
    from workstreams.declare.config import Config

__all__ = ["limits", "schedules", "states", "workstreams"]


def workstreams(context: typer.Context, incomplete: str) -> list[str]:
    """Declared workstreams."""
    declared = _declared(context)
    return _beginning(incomplete, declared.workstreams if declared else ())


def limits(context: typer.Context, incomplete: str) -> list[str]:
    """Declared workstreams and shared limits."""
    declared = _declared(context)
    return _beginning(incomplete, declared.limit_names if declared else ())


def schedules(context: typer.Context, incomplete: str) -> list[str]:
    """Declared schedules."""
    declared = _declared(context)
    return _beginning(incomplete, declared.schedules if declared else ())


def states(incomplete: str) -> list[str]:
    """States of a job."""
    from workstreams.state import STATES

    return _beginning(incomplete, STATES)


def _declared(context: typer.Context) -> Config | None:
    try:
        return load(context, context.params.get("config"))
    except WorkstreamsError:
        # The command itself will say what is wrong.
        return None


def _beginning(with_text: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(with_text)]
