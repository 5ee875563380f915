"""Processes of embedded servers, as the system lists them, and a client of one."""

from __future__ import annotations

from pathlib import Path

import psutil
import redis

from workstreams.store.embedded import EmbeddedServer


def connect(server: EmbeddedServer) -> redis.Redis:
    return redis.Redis.from_url(server.url)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def servers_of(folder: Path) -> list[int]:
    words = {item.pid: item.info["cmdline"] or () for item in psutil.process_iter(["cmdline"])}
    return [pid for pid, line in words.items() if {"--dir", str(folder)} <= set(line) and runs(pid)]
