"""A schedule: which actor is sent when."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from workstreams.declare.config import fields
from workstreams.declare.config.model import Model, as_section, refuse
from workstreams.declare.config.scalars import Untyped, typed
from workstreams.declare.cron import parse_cron
from workstreams.errors import nearest

__all__ = ["Schedule"]

_SECOND = 1_000_000


def _timezone(value: object) -> str:
    expected = "a time zone such as UTC or Europe/Berlin"
    if not isinstance(value, str):
        raise ValueError(expected)
    try:
        zoneinfo.ZoneInfo(str(value))
    # A name may be unknown, lead out of the folder, be a folder, or hold a NUL: each raises something else.
    except (KeyError, ValueError, OSError) as error:
        close = nearest(value, zoneinfo.available_timezones())
        raise ValueError(expected, f'did you mean "{close}"?' if close else "") from error
    return str(value)


def _cron(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("five fields of cron, such as 0 3 * * mon-fri, or @hourly")
    parse_cron(value)
    return value.strip()


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise ValueError("a list of arguments")
    return [_plain(item) for item in value]


def _plain(value: object) -> object:
    """The value with everything out of a variable typed, however deep."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return typed(value) if isinstance(value, Untyped) else value


_TIMEZONE = fields.Reads(_timezone, {"type": "string"})
_CRON = fields.Reads(_cron, {"type": "string"})
_ARGS = fields.Reads(_list, {"type": "array"})
_ANY = fields.Reads(_plain, {})


class Schedule(Model):
    """Sends a job at its times.

    Attributes:
      actor: The name of the actor.
      workstream: Where it is sent; None is the actor's own.
      cron: Five fields; exactly one of cron and every is given.
      every: Microseconds between two ticks.
      timezone: Whose wall clock cron is read by.
      args: Positional arguments of the job.
      kwargs: Named arguments of the job.
      catch_up: Which ticks are made up for after a time without a scheduler.
      catch_up_window: Microseconds; older ticks are not made up for.
      overlap: What happens to a tick while the job of an earlier one is unfinished.
      jitter: A tick is sent up to so many microseconds later.
      enabled: Whether it ticks at all.
    """

    actor: Annotated[str, fields.text("the name of an actor", r"\S+")]
    workstream: Annotated[str | None, fields.or_null(fields.name("the name of a workstream"))] = None
    cron: Annotated[str | None, fields.or_null(_CRON)] = None
    every: Annotated[int | None, fields.or_null(fields.duration(_SECOND))] = None
    timezone: Annotated[str, _TIMEZONE] = "UTC"
    args: Annotated[list[Any], _ARGS] = Field(default_factory=list)
    kwargs: Annotated[Mapping[str, Annotated[Any, _ANY]], as_section] = Field(default_factory=dict)
    catch_up: Annotated[str, fields.choice("skip", "latest", "all")] = "latest"
    catch_up_window: Annotated[int, fields.duration()] = 6 * 3_600 * _SECOND
    overlap: Annotated[str, fields.choice("allow", "skip", "queue")] = "skip"
    jitter: Annotated[int, fields.duration()] = 0
    enabled: Annotated[bool, fields.flag] = True

    @model_validator(mode="after")
    def _cron_or_every(self) -> Self:
        if (self.cron is None) == (self.every is None):
            refuse("exactly one of cron and every")
        return self
