"""What an operator does to a schedule: run it now, pause it, let it go on."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from workstreams.declare.config import Config
from workstreams.declare.publishing import publish
from workstreams.errors import WorkstreamFull
from workstreams.schedule.orders import Orders
from workstreams.state.decoding import text
from workstreams.store.link import Link
from workstreams.store.readable import readable

__all__ = ["pause_schedule", "resume_schedule", "run_schedule"]


def run_schedule(link: Link, config: Config, name: str, workstream: str) -> str:
    """Send a schedule's job now, also when it is paused or its last job has not ended.

    Its ticks go on as if nothing had happened.

    Parameters:
      link: Where Redis is.
      config: Declares the schedule.
      name: The schedule.
      workstream: Where its jobs wait.

    Returns:
      The job's id.

    Raises:
      WorkstreamFull: When the workstream may hold no more.
      RedisUnavailable: When Redis cannot be asked.
    """
    order = Orders(config, name, config.schedules[name], workstream).of_now()
    call: dict[str, Any] = {"request": uuid4().hex, "epoch": "", "fresh": uuid4().hex, "schedule": name}
    with readable(link):
        reply = link.scripts.run("schedule_run", call, order.words())
        if reply[0] == b"unsettled":
            publish(config, link.scripts)
            reply = link.scripts.run("schedule_run", call, order.words())
    if reply[0] == b"full":
        raise WorkstreamFull(workstream, int(reply[1]))
    return order.job.id


def pause_schedule(link: Link, name: str) -> bool:
    """Let a schedule rest, whatever its file says, until it is resumed.

    Parameters:
      link: Where Redis is.
      name: The schedule.

    Returns:
      Whether it was not paused before.
    """
    return _switch(link, name, "1")


def resume_schedule(link: Link, name: str) -> bool:
    """Let a paused schedule go on; its ticks of the pause are skipped.

    Returns:
      Whether it was paused.
    """
    return _switch(link, name, "0")


def _switch(link: Link, name: str, paused: str) -> bool:
    call = {"request": uuid4().hex, "epoch": "", "fresh": uuid4().hex, "schedule": name, "paused": paused}
    with readable(link):
        reply = link.scripts.run("schedule_switch", call)
    return text(reply[0]) == "ok"
