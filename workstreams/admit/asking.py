"""Asks Redis one thing until it is answered: Redis may be away, and a reply may be lost."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from typing import Any

import redis

from workstreams.store.scripts import ScriptFailed, Scripts

__all__ = ["RETRY", "Asking"]

#: Seconds between tries while Redis is away.
RETRY = 0.25

#: Times that a call which the script cannot carry out is tried.
MOST_FAILURES = 3


class Asking:
    """Repeats a call; its number tells the script that it is the same one.

    Parameters:
      scripts: Over a client of its own.
      trouble: Given the error that begins an outage, and None at its end.

    Attributes:
      given_up: Set to stop asking for what Redis does not answer.
    """

    def __init__(
        self,
        scripts: Scripts,
        trouble: Callable[[redis.RedisError | None], None],
    ) -> None:
        self._scripts = scripts
        self._trouble = trouble
        self.given_up = threading.Event()

    def __call__(self, call: Mapping[str, Any]) -> list[Any] | None:
        """Ask until there is an answer.

        Parameters:
          call: The first argument of ``exchange.lua``.

        Returns:
          The answer, or None when it was given up.

        Raises:
          ScriptFailed: When the script cannot carry it out, however often it is asked.
        """
        away, failures = False, 0
        while True:
            try:
                reply: list[Any] = self._scripts.run("exchange", call)
            except ScriptFailed:
                # Not the server but what it was told: to repeat that for ever would hold
                # everything else of this process up.
                failures += 1
                if failures >= MOST_FAILURES:
                    raise
            except redis.RedisError as error:
                # Whatever it is (gone, loading, read-only, no auth): hold on and go on trying.
                if not away:
                    self._trouble(error)
                away = True
            else:
                if away:
                    self._trouble(None)
                return reply
            if self.given_up.wait(RETRY * random.uniform(0.5, 1.5)):
                return None
