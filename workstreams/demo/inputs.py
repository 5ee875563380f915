"""The demo's input as jobs: the lines of a JSON Lines file, and the files of a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from workstreams.demo.settings import FILES, WEBHOOKS
from workstreams.send.job import Job

__all__ = ["MOST_FILES", "file_jobs", "files_in", "webhook_jobs"]

#: A folder that a user names may be a whole disk.
MOST_FILES = 10_000


def webhook_jobs() -> list[Job[Any]]:
    """One job for each line of ``webhooks.jsonl``, with ids of their own at each call."""
    text = resources.files(__package__).joinpath("webhooks.jsonl").read_text("utf-8")
    return [Job(WEBHOOKS, "deliver", (), orjson.loads(line), {}) for line in text.splitlines()]


def file_jobs(folder: Path) -> list[Job[Any]]:
    """One job for each file of a folder, at most ``MOST_FILES``."""
    return [Job(FILES, "digest", (path,), {}, {}) for path in islice(files_in(folder), MOST_FILES)]


def files_in(folder: Path) -> Iterator[str]:
    """Absolute paths of the regular files below a folder, in order.

    Links are not followed; hidden folders and Python's caches are left out.
    """
    for parent, folders, names in os.walk(folder.absolute()):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(names):
            path = os.path.join(parent, name)
            if _can_travel(path) and _is_regular(path):
                yield path


def _can_travel(path: str) -> bool:
    """Whether JSON can carry it: a name may hold bytes that are no UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_regular(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:  # Gone since it was listed.
        return False
