"""One run of the demo: a receiver, the input, and what is seen of both."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from workstreams import WorkstreamBroker
from workstreams.declare.config import EMBEDDED
from workstreams.demo.feeder import Feeder
from workstreams.demo.inputs import file_jobs, webhook_jobs
from workstreams.demo.receiver import Receiver
from workstreams.demo.rows import Row, Snapshot, read_rows
from workstreams.demo.screen import View, show
from workstreams.demo.settings import FILES, RECEIVER_VARIABLE, WEBHOOKS, folder_of
from workstreams.errors import RedisUnavailable
from workstreams.send.job import Job

__all__ = ["Demo"]


class Demo:
    """What ``up --demo`` adds to the workers: call ``prepare``, start workers, ``start``, ``show``, ``stop``.

    Parameters:
      broker: A broker with the demo's config.
      environ: The variables.
      snapshot: Reads the workstreams; from Redis directly if left out.
      stream: Where it is shown; standard output if left out.
    """

    def __init__(
        self,
        broker: WorkstreamBroker,
        environ: Mapping[str, str],
        *,
        snapshot: Snapshot | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._broker = broker
        self._environ = environ
        self._snapshot = snapshot or (lambda: read_rows(broker.link, broker.config))
        self._stream = stream or sys.stdout
        self._receiver = Receiver(_arrivals_allowed(broker))
        self._feeder = Feeder(broker, ())
        self._folder = Path()
        self._before: Mapping[str, Row] = {}
        self._last: Sequence[Row] = ()
        self._started = 0.0
        self._took: float | None = None

    def prepare(self) -> dict[str, str]:
        """Start the receiver; nothing is sent yet.

        Returns:
          Variables that worker processes need.

        Raises:
          ConfigError: When there is no folder to hash.
        """
        self._folder = folder_of(self._environ)
        self._receiver.start()
        return {RECEIVER_VARIABLE: self._receiver.url}

    def start(self) -> None:
        """Begin to send, in the background.

        Input of an earlier run that still waits is gone on with instead of sent again.

        Raises:
          RedisUnavailable: When Redis does not answer.
        """
        self._before = {row.name: row for row in self._snapshot()}
        self._feeder = Feeder(self._broker, self._input())
        self._started = time.monotonic()
        self._feeder.start()

    def show(self, stop: threading.Event) -> None:
        """Draw until told to stop; returns early only when nobody reads the stream any longer."""
        show(self._look, stop, self._stream, self._environ, self._hints())

    def stop(self) -> None:
        """Send nothing more and close the receiver; call it when the workers are gone."""
        self._feeder.stop()
        self._receiver.stop()

    def summary(self) -> str:
        """What this run did, in a sentence."""
        counts = self._receiver.counts()
        hashed = sum(row.done for row in self._last if row.name == FILES)
        return (
            f"{counts.arrived} webhooks arrived, at most {counts.worst_second} in any second "
            f"of {counts.allowed} allowed, {counts.refused} refused; {hashed} files hashed"
        )

    def _input(self) -> list[Job[Any]]:
        # The few files first: they are done at once, beside the webhooks that take a minute.
        jobs = [] if self._left_over(FILES) else file_jobs(self._folder)
        return jobs if self._left_over(WEBHOOKS) else jobs + webhook_jobs()

    def _left_over(self, name: str) -> int:
        return self._before[name].waiting if name in self._before else 0

    def _look(self) -> View:
        note, wrong = "", False
        try:
            self._last = [self._since_start(row) for row in self._snapshot()]
            note, wrong = self._note()
        except RedisUnavailable as error:
            note, wrong = str(error), True
        return View(self._last, self._receiver.counts(), self._receiver.url, note, wrong)

    def _since_start(self, row: Row) -> Row:
        before = self._before.get(row.name)
        if before is None:
            return row
        return dataclasses.replace(row, done=row.done - before.done, dead=row.dead - before.dead)

    def _note(self) -> tuple[str, bool]:
        if self._feeder.trouble:
            return self._feeder.trouble, True
        if self._feeder.busy or any(row.unfinished for row in self._last):
            left = self._left_over(WEBHOOKS)
            first = f" {left} webhooks were left by an earlier run and are not sent again." if left else ""
            return f"Webhooks go out over HTTP, files of {self._folder} are hashed.{first}", False
        if self._took is None:
            self._took = time.monotonic() - self._started
        return (
            f"All done in {self._took:.0f} s: {self.summary()}. It stays up for more; Ctrl-C ends it.",
            False,
        )

    def _hints(self) -> list[str]:
        """What to type in a second terminal."""
        config = self._broker.config
        words = [f"WORKSTREAMS_CONFIG={shlex.quote(str(file))}" for file in config.files[:1]]
        if config.redis == EMBEDDED:
            words.append(f"WORKSTREAMS_STATE_DIR={shlex.quote(str(config.state_dir))}")
        export = [f"  export {' '.join(words)}"] if words else []
        # Under `make up` the command is in a virtual environment that is not on the path.
        hidden = Path(sys.argv[0]).name == "workstreams" and not shutil.which("workstreams")
        command = sys.argv[0] if hidden else "workstreams"
        return [
            "In a second terminal:",
            *export,
            f"  {command} status; {command} tail {WEBHOOKS}",
            f'  {command} send {WEBHOOKS} deliver /hooks/mine \'{{"hello": "world"}}\'',
            f"  {command} pause {WEBHOOKS}; {command} resume {WEBHOOKS}",
        ]


def _arrivals_allowed(broker: WorkstreamBroker) -> int:
    """What the receiver accepts in a second: the rate that the config declares for it."""
    return broker.config.workstream(WEBHOOKS).rates[0].permits
