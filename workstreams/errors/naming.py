"""A name was given that nothing declared has."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from workstreams.errors.root import WorkstreamsError

__all__ = ["UnknownActor", "UnknownLimit", "UnknownWorkstream", "nearest"]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like *name*, or None if none is near enough to help."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f' (did you mean "{close}"?)' if close else ""


class _Undeclared:
    """A name was asked for (``name``) that is none of those declared (``known``)."""

    _what = _hint = ""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        close, known = _did_you_mean(name, self.known), ", ".join(self.known) or "none"
        text = f'expected a declared {self._what}, found "{name}"{close}: declared are {known}{self._hint}'
        super().__init__(text)  # type: ignore[call-arg]  # that of the error it is mixed into


class UnknownWorkstream(_Undeclared, WorkstreamsError):
    """A workstream was named that the config does not declare: ``name`` is not in ``known``."""

    _what = "workstream"


class UnknownLimit(UnknownWorkstream):
    """A limit was named that is neither a workstream's nor one under ``limits:``."""

    _what = "workstream or limit"


class UnknownActor(_Undeclared, WorkstreamsError):
    """An actor was named that no imported module declares: ``name`` is not in ``known``."""

    _what = "actor"
    _hint = "; is its module listed under import: in the config?"
