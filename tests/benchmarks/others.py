"""Further systems, compared where they are installed: ``pip install huey taskiq taskiq-redis``."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["Huey", "Taskiq", "installed"]

Job = Callable[[Any], None]

#: Sends of one gathering, where a system has no batches.
GATHERED = 100


class Huey:
    """Huey on Redis with blocking reads, its consumer in this process."""

    def __init__(self, url: str, job: Job) -> None:
        from huey import RedisHuey

        self._huey = RedisHuey("bench", url=url, results=False)
        self._task = self._huey.task(name="job")(job)

    def send(self, value: Any) -> None:
        self._task(value)

    def send_many(self, values: Sequence[Any]) -> None:
        for value in values:
            self._task(value)

    @contextmanager
    def working(self, threads: int) -> Iterator[None]:
        consumer = self._huey.create_consumer(
            workers=threads, worker_type="thread", periodic=False, initial_delay=0.01
        )
        consumer.start()
        yield
        consumer.stop(graceful=False)


class Taskiq:
    """taskiq on a Redis list, its receiver on an event loop of its own."""

    def __init__(self, url: str, job: Job) -> None:
        self._url, self._job = url, job
        self._loop = asyncio.new_event_loop()
        self._broker = self._make()
        self._task = self._broker.task(task_name="job")(job)
        self._loop.run_until_complete(self._broker.startup())

    def _make(self) -> Any:
        from taskiq_redis import ListQueueBroker

        return ListQueueBroker(self._url, queue_name="bench")

    def send(self, value: Any) -> None:
        self._loop.run_until_complete(self._task.kiq(value))

    def send_many(self, values: Sequence[Any]) -> None:
        async def gather(some: Sequence[Any]) -> None:
            await asyncio.gather(*(self._task.kiq(value) for value in some))

        for start in range(0, len(values), GATHERED):
            self._loop.run_until_complete(gather(values[start : start + GATHERED]))

    @contextmanager
    def working(self, threads: int) -> Iterator[None]:
        from taskiq.receiver import Receiver

        broker, loop, ended = self._make(), asyncio.new_event_loop(), asyncio.Event()
        broker.is_worker_process = True
        broker.task(task_name="job")(self._job)

        async def work(pool: ThreadPoolExecutor) -> None:
            await Receiver(broker, pool, max_async_tasks=threads).listen(ended)

        def run() -> None:
            with ThreadPoolExecutor(threads) as pool:
                loop.run_until_complete(work(pool))

        worker = threading.Thread(target=run, daemon=True)
        worker.start()
        yield
        loop.call_soon_threadsafe(ended.set)
        worker.join(5)


def installed() -> dict[str, type[Any]]:
    """Those that can be imported here, by their names."""
    known: dict[str, type[Any]] = {"huey": Huey, "taskiq_redis": Taskiq}
    return {name: system for name, system in known.items() if importlib.util.find_spec(name)}
