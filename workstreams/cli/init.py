"""``workstreams init``: writes a config to start from."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import typer

from workstreams.cli.options import ConfigPath
from workstreams.cli.screen import say, shown
from workstreams.errors import ConfigError, Problem

__all__ = ["NAME", "command", "starting_config"]

NAME = "init"

_FILE = "workstreams.yml"

_NEXT = """\
Wrote {file}. What is next:
  1. Write an actor, in jobs.py beside the config folder:

       from workstreams import actor

       @actor(workstream="mail")
       def send_mail(to: str) -> None:
           print("mail to", to)

  2. List its module in {file}:  import: [jobs]
  3. workstreams check                        whether all of it fits together
  4. workstreams up --watch                   the server and the workers, which follow what you save
  5. workstreams send mail send_mail ann      in another terminal; watch it with: workstreams tail
"""


def command(context: typer.Context, config: ConfigPath = None) -> None:
    """Write a commented config to start from.

    It is config/workstreams.yml unless --config says else, and never written over one that is there.
    """
    folder = Path(
        config or context.find_root().params.get("config") or os.environ.get("WORKSTREAMS_CONFIG") or "config"
    )
    file = folder if folder.suffix == ".yml" else folder / _FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(starting_config())
    except FileExistsError:
        found = "a config" if file.exists() else "a file in the place of its folder"
        raise ConfigError(
            [
                Problem(
                    "no config yet",
                    found,
                    file=file,
                    hint="it is left as it is; --config names another place",
                )
            ]
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([Problem("a place that can be written", str(reason).lower(), file=file)]) from None
    say(_NEXT.format(file=shown(file)).rstrip())


def starting_config() -> str:
    """The text of the config that is written."""
    return resources.files(__package__).joinpath("starting.yml").read_text("utf-8")
