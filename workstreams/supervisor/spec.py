"""What a supervisor tells a worker process at its start, and how the process answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import orjson

__all__ = [
    "DRAIN",
    "EXIT_CONFIG",
    "EXIT_KILLED",
    "EXIT_OK",
    "EXIT_REPLACE",
    "LOST",
    "ORPHAN_END",
    "OVERDUE",
    "RETIRE",
    "VARIABLE",
    "ChildSpec",
]

#: The environment variable that carries the spec.
VARIABLE = "WORKSTREAMS_CHILD"

#: The byte on the control pipe that means: finish what runs within the grace, and end.
DRAIN = b"d"

#: The byte that means: finish what runs, however long it takes, and end; others have taken over.
RETIRE = b"r"

#: The byte that means: the lease was lost, what runs here belongs to others.
LOST = b"l"

#: The byte that means, once for each such job: it is past its hard bound; finish what else runs, and end.
OVERDUE = b"o"

#: Seconds that the others get then at most: they are not to blame, but nothing new begins meanwhile.
OVERDUE_GRACE = 10.0

#: Seconds that the end of a process without a supervisor may take.
ORPHAN_END = 1.25

EXIT_OK = 0
#: Something still ran when the grace was over.
EXIT_KILLED = 1
#: The config or an import cannot be used; starting again would end the same.
EXIT_CONFIG = 2
#: Start another in its place: a thread was lost, or it has run as many jobs as it may.
EXIT_REPLACE = 75


@dataclasses.dataclass(frozen=True, slots=True)
class ChildSpec:
    """The orders of one worker process.

    Attributes:
      config: Where its config is; None is where every command looks.
      overrides: Flags over the config.
      pool: The pool it works for.
      workstreams: What it works on.
      sid: The session it opens.
      log_fd: The pipe it writes frames to.
      control_fd: The pipe it is told to drain by; its end means that the supervisor is gone.
      grace: Seconds for running jobs when it drains.
      orphan_grace: Seconds for them when the supervisor is gone: less than the lease, which
        nobody renews then.
    """

    config: str | None
    overrides: Mapping[str, str]
    pool: str
    workstreams: tuple[str, ...]
    sid: str
    log_fd: int
    control_fd: int
    grace: float
    orphan_grace: float

    @property
    def overdue_grace(self) -> float:
        """Seconds for running jobs when one beside them is past its hard bound."""
        return min(self.grace, OVERDUE_GRACE)

    def encode(self) -> str:
        """As text for the environment."""
        return orjson.dumps(self).decode()

    @classmethod
    def decode(cls, text: str) -> ChildSpec:
        """Read it back."""
        fields = orjson.loads(text)
        return cls(**{**fields, "workstreams": tuple(fields["workstreams"])})
