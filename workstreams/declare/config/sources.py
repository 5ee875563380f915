"""Finds the files of a config and reads their text."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from workstreams.errors import ConfigError, Problem

__all__ = ["MAX_BYTES", "Sources", "find_sources", "read_text"]

#: A config is written by hand; what is larger is another file.
MAX_BYTES = 2**20

_VARIABLE = "WORKSTREAMS_CONFIG"
_DEFAULT = Path("config")
_NAMES = ("workstreams.yml", "schedules.yml")
_FOLDER = "workstreams.d"
_INIT = "workstreams init writes a config to start from"


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """The files of a config.

    Attributes:
      files: Absolute paths, in the order they are merged.
      base: The folder of a single file, or the one that holds the config folder.
    """

    files: tuple[Path, ...]
    base: Path


def find_sources(path: Path | str | None, environ: Mapping[str, str]) -> Sources:
    """Find what to read: the path, or WORKSTREAMS_CONFIG, or ./config.

    Links are not followed on the way up: a mounted config folder often is one.

    Raises:
      ConfigError: When nothing is there, or a file has an ending that would leave it out.
    """
    origin = ""
    if path is None and environ.get(_VARIABLE):
        path, origin = environ[_VARIABLE], f"from the variable {_VARIABLE}"
    try:
        where = Path(os.path.abspath(path or _DEFAULT))
        found = (
            Sources(_in_folder(where), where.parent) if where.is_dir() else Sources((where,), where.parent)
        )
        if not found.files or not os.path.exists(found.files[0]):
            raise ConfigError([_nothing_there(where, origin)])
    except (OSError, ValueError) as error:
        raise ConfigError([Problem("the path of a config", _reason(error), hint=origin)]) from None
    return found


def _nothing_there(where: Path, origin: str) -> Problem:
    expected = f"a config: a file, or a folder with {_NAMES[0]}"
    found = f"no {_NAMES[0]} in it" if where.is_dir() else "nothing there"
    return Problem(expected, found, file=where, hint="; ".join(filter(None, (_INIT, origin))))


def _in_folder(folder: Path) -> tuple[Path, ...]:
    more = folder / _FOLDER
    listed = sorted(more.iterdir()) if more.is_dir() else []
    # A dot file is an editor's or a mount's own.
    parts = [part for part in listed if not part.name.startswith(".")]
    tops = [folder / name for name in _NAMES]
    wrong = [top.with_suffix(".yaml") for top in tops if top.with_suffix(".yaml").exists()]
    wrong += [part for part in parts if part.suffix == ".yaml"]
    if wrong:
        raise ConfigError([Problem("a name that ends in .yml", file.name, file=file) for file in wrong])
    return tuple(top for top in tops if top.exists()) + tuple(part for part in parts if part.suffix == ".yml")


def read_text(file: Path) -> str:
    """The text of a file.

    Raises:
      ConfigError: When it cannot be read, is over 1 MiB, or is not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem("a file that can be read", _reason(error), file=file)]) from None
    if len(content) > MAX_BYTES:
        raise ConfigError([Problem("a config of at most 1 MiB", "a larger file", file=file)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("text in UTF-8", "other bytes", file=file, line=line)]) from None


def _reason(error: OSError | ValueError) -> str:
    reason = getattr(error, "strerror", None) or "one that no file can have"
    return str(reason)[0].lower() + str(reason)[1:]
