"""A thread that carries a worker process's calls to Redis, one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from workstreams.admit.asking import Asking
from workstreams.admit.errand import Errand
from workstreams.admit.office import Office
from workstreams.store.scripts import Scripts

__all__ = ["Courier"]


class Courier(threading.Thread):
    """Carries calls, each repeated with the same number until it is answered.

    Parameters:
      number: Which of the process's couriers this is: Redis remembers the last answer to each.
      office: Where the calls come from.
      scripts: The operations.
      failed: Called when this thread ends by an error.
    """

    def __init__(self, number: int, office: Office, scripts: Scripts, failed: Callable[[], None]) -> None:
        super().__init__(name=f"workstreams-exchange-{number}", daemon=True)
        self._number = number
        self._office = office
        self._failed = failed
        self._ask = Asking(scripts, office.trouble)
        self._seq = 0

    def run(self) -> None:
        errand: Errand | None = None
        try:
            while (errand := self._office.next_errand()) is not None:
                self._office.arrived(errand, self._carried(errand))
        except Exception:
            logging.getLogger("workstreams").exception("exchange_failed")
            if errand is not None:
                self._office.abandon(errand)
            self._failed()

    def give_up(self) -> None:
        """Repeat nothing any longer."""
        self._ask.given_up.set()

    def _carried(self, errand: Errand) -> list[Any] | None:
        if errand.void:
            return [b"lost"]
        self._seq += 1
        return self._ask({**errand.call, "courier": self._number, "seq": self._seq})
