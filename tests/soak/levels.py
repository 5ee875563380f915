"""What is read between two parts of a soak."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import psutil
import redis

from workstreams.store.embedded import EmbeddedServer

__all__ = ["Levels", "read_levels"]


@dataclasses.dataclass(frozen=True, slots=True)
class Levels:
    """One look.

    Attributes:
      worker_kib: Memory of the worker process.
      supervisor_kib: Memory of its supervisor.
      server_kib: What the server uses for data.
      keys: Keys in the server.
      threads: Of the worker and the supervisor.
      open_files: Of both.
      files: In the project's folder.
      seconds_of_cpu: That the worker has used.
    """

    worker_kib: int
    supervisor_kib: int
    server_kib: int
    keys: int
    threads: int
    open_files: int
    files: int
    seconds_of_cpu: int

    def grown_since(self, before: Levels) -> list[str]:
        """What is more than a tenth, and more than a little, above an earlier look; CPU is meant to grow."""
        return [
            name
            for name in type(self).__annotations__
            if name != "seconds_of_cpu"
            and getattr(self, name) > getattr(before, name) * 1.1 + (2_048 if name.endswith("kib") else 10)
        ]


def read_levels(worker: int, supervisor: int, server: EmbeddedServer, folder: Path) -> Levels:
    """Look at two processes, a server and a folder."""
    processes = [psutil.Process(worker), psutil.Process(supervisor)]
    client = redis.Redis.from_url(server.url)
    memory = cast("dict[str, Any]", client.info("memory"))
    return Levels(
        worker_kib=processes[0].memory_info().rss // 1024,
        supervisor_kib=processes[1].memory_info().rss // 1024,
        server_kib=int(memory["used_memory"]) // 1024,
        keys=cast(int, client.dbsize()),
        threads=sum(one.num_threads() for one in processes),
        open_files=sum(one.num_fds() for one in processes),
        files=sum(1 for one in folder.rglob("*") if one.is_file()),
        seconds_of_cpu=round(sum(processes[0].cpu_times()[:2])),
    )
