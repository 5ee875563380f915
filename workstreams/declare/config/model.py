"""The base of every config model: frozen, closed to unknown keys, and refusing in our own words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Final, NoReturn

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from workstreams.declare.config.scalars import typed

__all__ = ["EXPECTED", "VARIABLE", "Model", "alternatives", "as_items", "as_section", "refuse"]

#: The type of every error that our own readers raise; the rest of its data is in the error's context.
EXPECTED = "expected"

#: JSON Schema of a variable that stands for a value: its type is known only once it is read.
VARIABLE: Final[Mapping[str, object]] = {"type": "string", "pattern": r"\$\{"}
_NOTHING: Final[Mapping[str, object]] = {"type": "null"}


def alternatives(*schemas: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of a value that may be any of these, without one choice inside another."""
    flat: list[Mapping[str, Any]] = []
    for schema in schemas:
        flat += schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]
    return {"anyOf": [dict(schema) for schema in flat]}


def refuse(expected: str, *, at: tuple[str, ...] = (), hint: str = "") -> NoReturn:
    """Refuse a value.

    Parameters:
      expected: What would have been right, as a phrase.
      at: Keys below the value where the fault is; its own place when left out.
      hint: What to do about it.

    Raises:
      PydanticCustomError: Always; it is turned into a Problem with its file and line later.
    """
    raise PydanticCustomError(EXPECTED, "{expected}", {"expected": expected, "at": at, "hint": hint})


class Model(BaseModel):
    """A section of the config."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    #: JSON Schema of what may stand here instead of a mapping.
    shorthand: ClassVar[Mapping[str, object] | None] = None

    @classmethod
    def expand(cls, value: object) -> object:
        """Turn a shorthand into the mapping it stands for; anything else is returned as it is."""
        return value

    @model_validator(mode="before")
    @classmethod
    def _from_mapping(cls, value: object) -> object:
        if isinstance(value, cls):
            return value
        value = typed(cls.expand(typed(value)))
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            refuse("a mapping" + (" or a number" if cls.shorthand else ""), hint=f"keys are {cls._keys()}")
        return value

    @classmethod
    def _keys(cls) -> str:
        return ", ".join(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        short = [cls.shorthand, VARIABLE] if cls.shorthand else []
        return alternatives(schema, *short, _NOTHING)


def _section(value: object) -> object:
    value = typed(value)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        refuse("a mapping")
    return value


def _items(value: object) -> object:
    value = typed(value)
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


@dataclasses.dataclass(frozen=True, slots=True)
class _Items:
    """Annotation of a list: one entry may stand without its list, and nothing is an empty one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_items, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        listed = handler(schema)
        return alternatives(listed["items"], listed, _NOTHING)


@dataclasses.dataclass(frozen=True, slots=True)
class _Section:
    """Annotation of a mapping whose keys are names: an empty section declares nothing."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_section, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return alternatives(handler(schema), _NOTHING)


as_section: Final = _Section()
as_items: Final = _Items()
