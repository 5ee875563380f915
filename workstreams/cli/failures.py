"""What a command says when it cannot do its work, and the exit code it ends with."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from workstreams.cli.screen import say, shown, wants_colour
from workstreams.errors import (
    ConfigError,
    Problem,
    RedisUnavailable,
    RedisUnsuitable,
    UnknownWorkstream,
    WorkstreamsError,
)

__all__ = ["FAILED", "UNREACHABLE", "USAGE", "UsageError", "exit_code_of", "misuse", "tell", "tell_usage"]

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

#: What the parser of the command line raises. It is click's, of which some versions of typer carry
#: their own copy: this is the class in either case.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def exit_code_of(error: WorkstreamsError) -> int:
    """2 for wrong usage or config, 3 for a Redis that cannot be used, 1 for everything else."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def misuse(
    flag: str, expected: str, found: object = None, hint: str = "", *, typed: bool = True
) -> ConfigError:
    """An error of whoever typed the command.

    Parameters:
      flag: The flag or argument.
      expected: What would have been right, as a phrase.
      found: What was given; None when nothing was.
      hint: What to do about it.
      typed: Whether *found* was typed like that, and is quoted; else it is a phrase.
    """
    words = "nothing" if found is None else f'"{found}"' if typed else str(found)
    return ConfigError([Problem(expected, words, flag, hint=hint)])


def tell(error: WorkstreamsError) -> None:
    """Print an error on stderr, a line for each of its problems."""
    here = os.getcwd() + os.sep
    for line in str(error).splitlines():
        # A file is named as a compiler does, as it is called from here.
        _tell(line.removeprefix(here))


def tell_usage(error: Any) -> int:
    """Print what is wrong with a command line, in one sentence with the way out.

    Parameters:
      error: A UsageError.

    Returns:
      The exit code.
    """
    text = str(error.format_message())
    if "\n" in text:
        # The help itself: a group was called without a command.
        say(text, sys.stderr)
        return USAGE
    text = text.strip().removesuffix(".").replace("'. Did you", "', did you")
    _tell(
        f"{text[:1].lower()}{text[1:]}: see {error.ctx.command_path if error.ctx else 'workstreams'} --help"
    )
    return USAGE


def _tell(text: str) -> None:
    red, plain = ("\x1b[31m", "\x1b[0m") if wants_colour(sys.stderr) else ("", "")
    say(f"{red}error:{plain} {shown(text)}", sys.stderr)
