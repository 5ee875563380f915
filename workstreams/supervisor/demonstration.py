"""The demo on the screen of ``up --demo``, in the place of log lines."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

from workstreams.app import configure
from workstreams.declare.config import Config
from workstreams.demo.demo import Demo
from workstreams.store.link import Link

__all__ = ["DemoScreen"]


class DemoScreen:
    """Runs the demo around a supervisor.

    Parameters:
      config: The demo's config.
    """

    def __init__(self, config: Config) -> None:
        self._state_dir = str(config.state_dir)
        self._demo = Demo(configure(config), os.environ)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def prepare(self, link: Link) -> None:  # noqa: ARG002 - the signature of a Screen
        """Open the receiver, and say in the environment of the processes to come where it is."""
        os.environ.update(self._demo.prepare())
        os.environ["WORKSTREAMS_STATE_DIR"] = self._state_dir

    def begin(self, ask_to_stop: Callable[[], None]) -> None:
        """Send the input and draw; a screen that nobody reads any longer asks to stop."""
        self._demo.start()

        def draw() -> None:
            self._demo.show(self._stop)
            ask_to_stop()

        self._thread = threading.Thread(target=draw, name="workstreams-demo", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop drawing, close the receiver and say what was done."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        self._demo.stop()
        try:
            sys.stdout.write(self._demo.summary() + "\n")
            sys.stdout.flush()
        except (BrokenPipeError, ValueError):
            # Whoever read this is gone.
            return
