"""One generation of workers on a thread of its own, beside others."""

from __future__ import annotations

import threading
from collections.abc import Callable

from workstreams.supervisor.generation import Generation
from workstreams.supervisor.signals import Asks

__all__ = ["Life"]


class Life(threading.Thread):
    """A generation from its making to its end.

    Parameters:
      make: Makes it, of what asks for its end; it may take long.
      poke: Called at its end.

    Attributes:
      asks: What asks for its end.
      code: Its exit code, once it has ended.
      error: What it ended by, None after an orderly end.
    """

    def __init__(self, make: Callable[[Asks], Generation], poke: Callable[[], None]) -> None:
        super().__init__(name="workstreams-generation", daemon=True)
        self.asks = Asks()
        self.code = 0
        self.error: Exception | None = None
        self._make, self._poke = make, poke
        self._mutex = threading.Lock()
        self._generation: Generation | None = None
        self._in_front = self._retired = False

    def run(self) -> None:
        try:
            self._live()
        except Exception as error:
            # Told, or raised again, by whoever sees that this thread has ended.
            self.error = error
        self._poke()

    def _live(self) -> None:
        generation = self._make(self.asks)
        with self._mutex:
            if self._retired:
                return
            generation.in_front = self._in_front
            self._generation = generation
        self.code = generation.to_the_end()

    @property
    def is_made(self) -> bool:
        """Whether there are processes, or soon will be."""
        return self._generation is not None

    @property
    def works(self) -> bool:
        """Whether one of its processes has said that it works."""
        return self._generation is not None and self._generation.works

    @property
    def is_settled(self) -> bool:
        """Whether none of its processes asks for work any longer, and none will."""
        return not self.is_alive() or (self._generation is not None and self._generation.is_settled)

    def take_over(self) -> None:
        """Let it print what belongs to no process."""
        with self._mutex:
            self._in_front = True
            if self._generation is not None:
                self._generation.in_front = True

    def retire(self) -> None:
        """Let it end when what it runs has ended, or before it begins."""
        with self._mutex:
            self._retired = True
            if self._generation is not None:
                self._generation.retire()
