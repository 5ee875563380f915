"""Where the demo's config, input and addresses are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from workstreams.errors import ConfigError, Problem

__all__ = [
    "FILES",
    "FOLDER_VARIABLE",
    "RECEIVER_VARIABLE",
    "REPORTS",
    "WEBHOOKS",
    "demo_config",
    "folder_of",
    "receiver_of",
]

#: The workstreams of the demo's config.
WEBHOOKS, FILES, REPORTS = "webhooks", "files", "reports"

#: Tells worker processes where this run's receiver listens. It is no part of a job, so that
#: one left over from an earlier run reaches the receiver that is there now.
RECEIVER_VARIABLE = "WORKSTREAMS_DEMO_RECEIVER"

#: Names another folder to hash than the package's own.
FOLDER_VARIABLE = "WORKSTREAMS_DEMO_FOLDER"

_HERE = Path(__file__).parent


def demo_config(folder: Path, environ: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """Where the demo's config is, and what is to be set over it.

    Parameters:
      folder: The user's current folder: the embedded server lives in its ``.workstreams``,
        since the folder of the packaged config may be read-only.
      environ: The variables; one that sets ``state_dir`` is left to do so.

    Returns:
      The path and the overrides, as :func:`load_config` takes them.
    """
    overrides: dict[str, str] = {}
    if not environ.get("WORKSTREAMS_STATE_DIR"):
        overrides["state_dir"] = str(folder / ".workstreams")
    return _HERE / "config", overrides


def folder_of(environ: Mapping[str, str]) -> Path:
    """The folder whose files are hashed.

    Raises:
      ConfigError: When the variable names no folder.
    """
    named = environ.get(FOLDER_VARIABLE)
    if not named:
        return _HERE.parent
    folder = Path(named).absolute()
    if not folder.is_dir():
        raise ConfigError([Problem("a folder whose files can be hashed", f'"{named}"', FOLDER_VARIABLE)])
    return folder


def receiver_of(environ: Mapping[str, str]) -> tuple[str, int]:
    """Host and port of this run's receiver.

    Raises:
      ConfigError: When the demo does not run, or the variable holds something else.
    """
    url = environ.get(RECEIVER_VARIABLE, "")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        hint = "workstreams up --demo starts a receiver and sets it"
        raise ConfigError([Problem("the receiver's URL", f'"{url}"', RECEIVER_VARIABLE, hint=hint)])
    return host, port
