"""Notices that the user's code or config has changed, by looking at the times of the files.

Looking, where others listen to the kernel: the folder of a project also holds the embedded
server's data, which is written to all the time, and often an environment of thousands of folders,
each of which the kernel would have to be asked for; and it says nothing of folders that are
mounted into a container. A look at a thousand modules takes about 10 ms.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

__all__ = ["Changes"]

#: Seconds between two looks, and the share of a processor that looking may take at most.
PAUSE, SHARE = 0.3, 0.05

#: A branch that is switched, or an editor that saves all, writes many files: seconds without a
#: change that are waited for, and at most.
QUIET, LONGEST = 0.15, 3.0

_NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})

#: Time of the last change in ns, size, and number: an editor may put another file in its place.
_Stamp = tuple[int, int, int]


class Changes(threading.Thread):
    """Looks at the Python files below some folders, and at the files of a config.

    What stood there when it was made is known; everything later is a change.

    Parameters:
      folders: Where the code is. Hidden folders, environments and installed packages are left out.
      config: Tells the files of the config; asked at each look, since there may be new ones.
      tell: Called when something has changed.
    """

    def __init__(
        self, folders: Sequence[Path], config: Callable[[], Iterable[Path]], tell: Callable[[], None]
    ) -> None:
        super().__init__(name="workstreams-changes", daemon=True)
        self._folders = tuple(folders)
        self._config = config
        self._tell = tell
        self._mutex = threading.Lock()
        self._stopped = threading.Event()
        self._changed: set[Path] = set()
        self._known = self._look()

    def run(self) -> None:
        pause = PAUSE
        while not self._stopped.wait(pause):
            began = time.monotonic()
            changed = self._look_again()
            pause = max(PAUSE, (time.monotonic() - began) / SHARE)
            if changed:
                self._settle()
                self._tell()

    def stop(self) -> None:
        """Look no more; returns at once."""
        self._stopped.set()

    def look_in(self, folders: Sequence[Path]) -> None:
        """Look there from now on; what stands there is known."""
        with self._mutex:
            self._folders = tuple(folders)
            found = self._look()
            # What is known of a file stays known, or a change of just now would be missed.
            self._known = found | {file: stamp for file, stamp in self._known.items() if file in found}

    def take(self) -> list[Path]:
        """The files that were changed, made or removed since it was asked last."""
        with self._mutex:
            changed, self._changed = sorted(self._changed), set()
        return changed

    def _settle(self) -> None:
        deadline = time.monotonic() + LONGEST
        while not self._stopped.wait(QUIET) and time.monotonic() < deadline:
            if not self._look_again():
                return

    def _look_again(self) -> bool:
        """Note what differs from what is known; whether anything does."""
        with self._mutex:
            found = self._look()
            differing = {file for file, _ in self._known.items() ^ found.items()}
            self._known = found
            self._changed |= differing
        return bool(differing)

    def _look(self) -> dict[Path, _Stamp]:
        code = (file for folder in self._folders for file in _code_below(folder))
        return _stamps(code) | _stamps(self._config())


def _stamps(files: Iterable[Path]) -> dict[Path, _Stamp]:
    found = {}
    for file in files:
        # One that is gone by now is missing, and so a change.
        with contextlib.suppress(OSError):
            status = os.stat(file)
            found[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def _code_below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _may_hold_code(where, name)]
        yield from (Path(where, name) for name in files if name.endswith(".py"))


def _may_hold_code(where: str, name: str) -> bool:
    environment = os.path.join(where, name, "pyvenv.cfg")
    return not name.startswith(".") and name not in _NOT_OURS and not os.path.exists(environment)
