"""Scalars as YAML types them, for text in a file and for text out of a variable."""

from __future__ import annotations

from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

__all__ = ["BROKEN", "SCALAR_TAGS", "Broken", "Untyped", "construct", "typed"]

_CORE = "tag:yaml.org,2002:"
#: Tags that stand for plain data. A date stays the text it was written as: nothing in a config is a date.
SCALAR_TAGS: Final = frozenset(_CORE + kind for kind in ("str", "int", "float", "bool", "null", "timestamp"))
_TEXT_TAGS = frozenset({_CORE + "str", _CORE + "timestamp"})


class Untyped(str):
    """Text out of a variable or a flag: the key it is for decides which type it is read as."""

    __slots__ = ()


class Broken:
    """What stands where a problem was found already, so that it is not reported a second time."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "BROKEN"


BROKEN: Final = Broken()


def construct(tag: str, text: str) -> object:
    """Build a plain value.

    Parameters:
      tag: One of SCALAR_TAGS.
      text: The scalar as it was written.

    Returns:
      A str, int, float, bool or None.

    Raises:
      ValueError: When the text is not of the tag's type.
    """
    if tag in _TEXT_TAGS:
        return text
    try:
        return YAML(typ="safe", pure=True).constructor.construct_object(ScalarNode(tag, text))
    except (LookupError, ArithmeticError) as error:  # ``!!int`` with nothing after it, for one.
        raise ValueError(f"not a {tag.removeprefix(_CORE)}") from error


def typed(value: object) -> object:
    """The value with the type that YAML gives it when it is written without quotes.

    Parameters:
      value: Anything; only an Untyped is changed.

    Returns:
      The typed value. Text that YAML would not take for a number, a switch or nothing stays text.
    """
    if not isinstance(value, Untyped):
        return value
    tag = str(YAML(typ="safe", pure=True).resolver.resolve(ScalarNode, str(value), (True, False)))
    if tag not in SCALAR_TAGS:
        return str(value)
    try:
        return construct(tag, str(value))
    except ValueError:
        return str(value)
