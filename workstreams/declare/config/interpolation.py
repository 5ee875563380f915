"""``${NAME}`` and ``${NAME:-fallback}`` in values."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

__all__ = ["Interpolated", "MissingVariable", "interpolate"]

_REFERENCE = re.compile(
    r"""
    (?P<escaped> \$\$\{ )
    | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* ) (?: :- (?P<fallback> [^${}]* ) )? \}
    | (?P<broken> \$\{ )
    """,
    re.VERBOSE,
)


class MissingVariable(ValueError):
    """A value needs a variable that is not set, or its reference cannot be read.

    Attributes:
      expected: What would have been right.
      found: What was found instead.
      hint: What to do about it.
    """

    def __init__(self, expected: str, found: str, hint: str) -> None:
        self.expected, self.found, self.hint = expected, found, hint
        super().__init__(f"{expected}, {found}")


@dataclasses.dataclass(frozen=True, slots=True)
class Interpolated:
    """Text with its references replaced.

    Attributes:
      text: The result.
      variables: The names that were asked for.
      whole: Whether the text was one reference and nothing else.
    """

    text: str
    variables: tuple[str, ...]
    whole: bool


def interpolate(text: str, environ: Mapping[str, str]) -> Interpolated:
    """Replace every reference; ``$${`` stands for ``${``.

    What a variable holds is not looked at again.

    Parameters:
      text: The value as it was written.
      environ: The variables. One that is empty takes its fallback, as in a shell.

    Raises:
      MissingVariable: When a variable without fallback is not set, or a ``${`` is not closed.
    """
    names: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "${"
        if match["broken"]:
            raise MissingVariable(
                "${NAME} or ${NAME:-fallback}",
                "another use of ${",
                "write $${ for the characters ${ themselves",
            )
        names.append(match["name"])
        return _value(match["name"], match["fallback"], environ)

    only = _REFERENCE.fullmatch(text)
    return Interpolated(_REFERENCE.sub(replace, text), tuple(names), bool(only and only["name"]))


def _value(name: str, fallback: str | None, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if fallback is not None:
        return value or fallback
    if value is None:
        raise MissingVariable(
            f"the variable {name} to be set", "none of that name", f"set it, or write ${{{name}:-fallback}}"
        )
    return value
