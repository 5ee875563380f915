"""The command ``workstreams``: its commands, and how each of them ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence

import typer
import typer.core

from workstreams.cli import (
    check,
    dead,
    init,
    job,
    jobs,
    limit,
    pause,
    purge,
    scheduler,
    schedules,
    schema,
    send,
    status,
    tail,
    up,
    version,
    worker,
    workers,
)
from workstreams.cli.examples import epilog_of
from workstreams.cli.failures import FAILED, UsageError, exit_code_of, tell, tell_usage
from workstreams.cli.options import ConfigPath
from workstreams.cli.screen import OutputLost, ReaderGone, say
from workstreams.errors import WorkstreamsError

__all__ = ["build_app", "main"]

#: What a program ends with that wrote to a pipe nobody reads any longer: 128 + SIGPIPE.
_BROKEN_PIPE = 141

#: Of a disk that does not take what is written.
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})

_COMMANDS = (
    up,
    init,
    worker,
    scheduler,
    send,
    status,
    tail,
    jobs,
    limit,
    purge,
    workers,
    check,
    schema,
    version,
)

#: As they are wanted: first to run, then to look, then to intervene.
_ORDER = (
    *("up", "init", "check", "worker", "scheduler", "send", "status", "tail", "jobs", "job", "dead"),
    *("limit", "pause", "resume", "purge", "schedules", "workers", "schema", "version"),
)


class _InOrder(typer.core.TyperGroup):
    def list_commands(self, context: typer.Context) -> list[str]:  # type: ignore[override]  # its own copy of the class
        """The commands as the help lists them."""
        return sorted(super().list_commands(context), key=_ORDER.index)


def build_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="workstreams",
        cls=_InOrder,
        help="Named workstreams whose limits hold over the whole fleet.",
        epilog="Every flag has a twin in the environment: WORKSTREAMS_<COMMAND>_<FLAG>. "
        "Exit codes: 0 done, 1 it failed, 2 wrong usage or config, 3 Redis cannot be used. "
        "Each command's --help ends with examples.",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"auto_envvar_prefix": "WORKSTREAMS", "help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global)
    for module in _COMMANDS:
        app.command(module.NAME, epilog=epilog_of(module.NAME))(module.command)
    app.command("pause", epilog=epilog_of("pause"))(pause.pause)
    app.command("resume", epilog=epilog_of("resume"))(pause.resume)
    app.add_typer(job.group(), name="job")
    app.add_typer(dead.group(), name="dead")
    app.add_typer(schedules.group(), name="schedules")
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters:
      arguments: What stands behind the program's name; that of the process when left out.

    Returns:
      The exit code: 0 done, 1 the thing failed, 2 wrong usage or config, 3 Redis cannot be used.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter is no reason to stop.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are TextIOWrapper here
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except (BrokenPipeError, ReaderGone):
        _write_to_nobody()
        return _BROKEN_PIPE
    except OutputLost as error:
        return _tell_lost(str(error))
    except OSError as error:
        # The command's parser writes the help by itself.
        if error.errno not in _DISK or error.filename is not None:
            raise
        return _tell_lost(error.strerror or str(error))
    return code


def _tell_lost(why: str) -> int:
    _write_to_nobody()
    # It may be stderr that is lost.
    with contextlib.suppress(OutputLost):
        say(f"error: expected to write the output, found it refused: {why}", sys.stderr)
    return FAILED


def _write_to_nobody() -> None:
    """Python flushes once more when it ends, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    command = typer.main.get_command(build_app())
    try:
        code = command.main(args=arguments, prog_name="workstreams", standalone_mode=False)
    except SystemExit as end:
        code = end.code
    except UsageError as error:
        return tell_usage(error)
    except WorkstreamsError as error:
        tell(error)
        return exit_code_of(error)
    return code if isinstance(code, int) else int(code is not None)


def _global(config: ConfigPath = None) -> None:
    """Named workstreams whose limits hold over the whole fleet."""


if __name__ == "__main__":
    sys.exit(main())
