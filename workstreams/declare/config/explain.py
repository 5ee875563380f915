"""Turns what the models refuse into problems with a file, a line and our own words."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from workstreams.declare.config.model import EXPECTED, Model
from workstreams.declare.config.places import KeyPath, Places, dotted, shown
from workstreams.declare.config.scalars import BROKEN
from workstreams.errors import Problem, nearest

__all__ = ["explain"]


def explain(
    error: ValidationError, model: type[Model], places: Places, *, below: KeyPath = (), alone: bool = True
) -> Iterator[Problem]:
    """Each error of a model as a problem.

    Parameters:
      error: What pydantic raised.
      model: The model that was validated.
      places: Where each value was written.
      below: Where the model's mapping stands in the document.
      alone: Whether checks of one key against another count; not for defaults, which lack the other key.
    """
    for detail in error.errors(include_url=False):
        at = detail.get("ctx", {}).get("at", ())
        if detail["input"] is not BROKEN and (alone or not at):
            yield _problem(detail, model, places, below)


def _problem(detail: ErrorDetails, model: type[Model], places: Places, below: KeyPath) -> Problem:
    context = detail.get("ctx", {})
    place = tuple(step for step in detail["loc"] if step != "[key]")
    path = (*below, *place, *context.get("at", ()))
    if detail["type"] == "extra_forbidden":
        return _unknown_key(path, keys_at(model, place[:-1]), places)
    if detail["type"] == "missing":
        return places.at(path, f'the key "{path[-1]}"', "none")
    if detail["type"] != EXPECTED:  # Every field has a reader of its own; this is for one that was forgotten.
        return places.problem(path, "another kind of value", detail["input"])
    hint = context["hint"]
    if context.get("at"):
        return _between_keys(detail, path, places)
    if detail["loc"] and detail["loc"][-1] == "[key]":
        return places.at(path, context["expected"], shown(path[-1]), hint)
    return places.problem(path, context["expected"], detail["input"], hint)


def _between_keys(detail: ErrorDetails, path: KeyPath, places: Places) -> Problem:
    """A key that does not go with another one of the same workstream."""
    context = detail["ctx"]
    value = _written(detail["input"], context["at"])
    hint = context["hint"]
    if path[0] == "workstreams" and places.nearest(path).path[:1] == ("defaults",):
        hint = "; ".join(filter(None, (hint, f"in {dotted(path[:2])}")))
    return places.problem(path, context["expected"], value, hint)


def _written(value: object, at: tuple[str, ...]) -> object:
    for key in at:
        value = value.get(key) if isinstance(value, dict) else value
    return value


def _unknown_key(path: KeyPath, known: tuple[str, ...], places: Places) -> Problem:
    close = nearest(str(path[-1]), known)
    hint = f'did you mean "{close}"?' if close else f"known are {', '.join(known)}"
    return places.at(path, "a known key", dotted((str(path[-1]),)), hint)


def keys_at(model: type[Model], place: KeyPath) -> tuple[str, ...]:
    """The keys that are known at a place below a model."""
    kind: Any = model
    for step in place:
        kind = _below(_bare(kind), step)
    kind = _bare(kind)
    return tuple(_fields(kind)) if isinstance(kind, type) and issubclass(kind, Model) else ()


def _fields(model: type[Model]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _below(kind: Any, step: str | int) -> Any:
    if isinstance(kind, type) and issubclass(kind, Model):
        return _fields(kind).get(str(step))
    arguments = typing.get_args(kind)
    return arguments[1 if typing.get_origin(kind) is Mapping else 0] if arguments else None


def _bare(kind: Any) -> Any:
    """A type without its annotations and without None."""
    while typing.get_origin(kind) in (typing.Annotated, typing.Union, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    return kind
