"""Kills a process at each of its calls to Redis, each time in an app of its own, and looks what is left."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tests.lua.rig import Rig
from tests.promises import roles
from tests.promises.crashing import Point, Post, Role, count_calls, run
from tests.promises.ledger import Ledger
from workstreams.declare.publishing import publish
from workstreams.store.client import worker_client
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["Kill", "Look", "Points", "Prepare", "Stage"]

#: Processes that live and die at the same time; they wait for a lease most of it.
AT_ONCE = 12


class Stage:
    """An app for one life and one death.

    Parameters:
      server_url: The server.
      app: The namespace.
    """

    def __init__(self, server_url: str, app: str) -> None:
        self.post = Post(server_url, app, Path(tempfile.mkdtemp(prefix="wsc")))
        self.broker: WorkstreamBroker = roles.broker_of(self.post)
        publish(self.broker.config, self.broker.link.scripts)
        self._client = worker_client(server_url)
        self.ledger = Ledger(self._client, self.broker.link.keys)

    def rig(self) -> Rig:
        """Hands on the same app."""
        rig = Rig(self._client, self.post.folder)
        rig.keys, rig.scripts = self.broker.link.keys, self.broker.link.scripts
        return rig

    def close(self) -> None:
        """Leave nothing of it."""
        shutil.rmtree(self.post.folder, ignore_errors=True)
        self.ledger.forget()
        self.broker.close()
        self._client.close()


#: Sees to what there is before.
Prepare = Callable[[Stage], object]
#: Says what is not as it must be.
Look = Callable[[Stage], list[str]]
#: The command whose calls count, all where it is empty, and the sides of them.
Points = tuple[str, tuple[Literal["before", "after"], ...]]

EVERY: Points = ("", ("before", "after"))


class Kill:
    """Kills roles.

    Parameters:
      server_url: The server.
      app: What the namespaces begin with.
      stages: Closes what was begun.
    """

    def __init__(self, server_url: str, app: str, stages: contextlib.ExitStack) -> None:
        self._server_url, self._app, self._stages = server_url, app, stages

    def __call__(
        self, role: Role, prepare: Prepare, mend: Role, look: Look, least: int, points: Points = EVERY
    ) -> None:
        """Kill a role at each of its calls.

        Parameters:
          role: What the process does.
          prepare: What there is before.
          mend: What another process does after it.
          look: What must be true then.
          least: At so many points at least.
          points: Of which command, and on which sides of it.
        """
        whole, (command, sides) = self._begin(None, prepare), points
        calls = range(1, count_calls(role, whole.post, command) + 1)
        at = {point: self._begin(point, prepare) for point in _points(command, calls, sides)}
        killed = run(role, [(stage.post, point) for point, stage in at.items()], AT_ONCE)
        run(mend, [(stage.post, None) for stage in (whole, *at.values())], AT_ONCE)
        found = {str(point): look(stage) for point, stage in (*at.items(), ("none", whole))}
        assert {point: problems for point, problems in found.items() if problems} == {}
        # Not every life makes as many calls as the first.
        assert sum(killed) >= least, "it is too short to show anything"

    def _begin(self, point: Point | None, prepare: Prepare) -> Stage:
        name = f"{point.call}{point.side}" if point else "all"
        stage = Stage(self._server_url, f"{self._app}-{name}")
        self._stages.callback(stage.close)
        prepare(stage)
        return stage


def _points(command: str, calls: range, sides: tuple[Literal["before", "after"], ...]) -> list[Point]:
    return [Point(call, side, command) for call in calls for side in sides]
