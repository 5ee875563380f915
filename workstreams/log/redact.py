"""Secrets stay out of lines: values under keys that are named like one are replaced."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["REDACTED", "Redactor", "redacted"]

REDACTED = "[redacted]"
#: Deeper is replaced as a whole: what nobody looked at may be a secret.
MAX_DEPTH = 16

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Redactor:
    """Knows which keys are secret.

    A key is split into words (``X-Api-Key``, ``apiKey`` and ``api_key`` are *api key*); it is secret when
    a name's words stand in it, glued or apart. ``user_password`` and ``authtoken`` are, ``secretary`` is not.
    A plural holds secrets too, but not if its value is a number: ``tokens=1200`` is a count.

    Parameters:
      names: Names of secrets, as ``logs: {redact: …}`` lists them.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(joined for name in names if (joined := "".join(_words(name))))
        # One cache per redactor: keys of lines are few, and they come back with every line.
        self._secrecy = functools.lru_cache(maxsize=4096)(self._judge)

    def is_secret(self, key: str, value: object = None) -> bool:
        """Whether *value* must not be shown under *key*."""
        secrecy = self._secrecy(key)
        if secrecy == "plural":
            return not isinstance(value, int | float)
        return secrecy == "secret"

    def clean(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        """A copy of dicts and lists in which secrets are replaced, at any depth."""
        if isinstance(value, Mapping):
            return self._mapping(value, depth) if depth else REDACTED
        if isinstance(value, list | tuple):
            return [self.clean(item, depth - 1) for item in value] if depth else REDACTED
        return value

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        return {
            key: REDACTED if self.is_secret(str(key), item) else self.clean(item, depth - 1)
            for key, item in value.items()
        }

    def _judge(self, key: str) -> str:
        words = _words(key)
        if any(self._stands_in(name, words) for name in self._names):
            return "secret"
        if words and words[-1].endswith("s"):
            single = [*words[:-1], words[-1][:-1]]
            return "plural" if any(self._stands_in(name, single) for name in self._names) else ""
        return ""

    @staticmethod
    def _stands_in(name: str, words: list[str]) -> bool:
        """Whether a run of whole words spells the name; the first word may bring more before it."""
        return any(
            "".join(words[first:last]).endswith(name)
            for first in range(len(words))
            for last in range(first + 1, len(words) + 1)
        )


def redacted(value: Any, names: Iterable[str]) -> Any:
    """A copy of a payload that may be shown.

    Parameters:
      value: Dicts, lists and scalars, nested.
      names: Names of secrets, in any case; see Redactor for what matches.

    Returns:
      The same shape; each value under a secret key is ``"[redacted]"``.
    """
    return Redactor(names).clean(value)


def _words(key: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(key)]
