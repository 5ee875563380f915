"""What is wrong with a config, a flag or a variable."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from workstreams.errors.root import WorkstreamsError

__all__ = ["ConfigError", "Problem"]


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a config.

    Attributes:
      expected: What would have been right, as a phrase.
      found: What stands there, as it was written.
      path: Dotted place inside the document, ``workstreams.mail.rate``.
      file: The file it stands in; None for the environment or a flag.
      line: 1-based line in the file; None where there is no file.
      hint: What to do about it, the nearest known name for one.
    """

    expected: str
    found: str
    path: str = ""
    file: Path | None = None
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = ""
        if self.file is not None:
            place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        where = f"{self.path}: " if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{where}expected {self.expected}, found {self.found}{hint}"


class ConfigError(WorkstreamsError):
    """The config cannot be used.

    Attributes:
      problems: Every problem of every file, in the order of the files.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def said_by(cls, text: str) -> ConfigError:
        """The same error as another process put it into words."""
        error = cls(())
        error.args = (text,)
        return error
