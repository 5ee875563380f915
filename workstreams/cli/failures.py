"""What a command says when it cannot do its work, and the exit code it ends with."""

from __future__ import annotations

import sys

from workstreams.cli.screen import say, shown, wants_colour
from workstreams.errors import (
    ConfigError,
    Problem,
    RedisUnavailable,
    RedisUnsuitable,
    UnknownWorkstream,
    WorkstreamsError,
)

__all__ = ["FAILED", "UNREACHABLE", "USAGE", "exit_code_of", "misuse", "tell"]

FAILED = 1
USAGE = 2
UNREACHABLE = 3

_CODES: tuple[tuple[type[WorkstreamsError], int], ...] = (
    # A name that no config declares is a slip of whoever typed it.
    (ConfigError, USAGE),
    (UnknownWorkstream, USAGE),
    (RedisUnavailable, UNREACHABLE),
    (RedisUnsuitable, UNREACHABLE),
)


def exit_code_of(error: WorkstreamsError) -> int:
    """2 for wrong usage or config, 3 for a Redis that cannot be used, 1 for everything else."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def misuse(flag: str, expected: str, found: object, hint: str = "") -> ConfigError:
    """An error of whoever typed the command.

    Parameters:
      flag: The flag or argument.
      expected: What would have been right, as a phrase.
      found: What was given.
      hint: What to do about it.
    """
    return ConfigError([Problem(expected, f'"{found}"', flag, hint=hint)])


def tell(error: WorkstreamsError) -> None:
    """Print an error on stderr, a line for each of its problems."""
    red, plain = ("\x1b[31m", "\x1b[0m") if wants_colour(sys.stderr) else ("", "")
    for line in str(error).splitlines():
        say(f"{red}error:{plain} {shown(line)}", sys.stderr)
