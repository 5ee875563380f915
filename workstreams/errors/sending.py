"""Why a job cannot be sent."""

from __future__ import annotations

from workstreams.errors.root import WorkstreamsError
from workstreams.units import format_number

__all__ = ["CostTooHigh", "PayloadError", "PayloadTooLarge", "WorkstreamFull"]


class PayloadError(WorkstreamsError):
    """A job's arguments or options cannot travel as JSON."""


class PayloadTooLarge(PayloadError):
    """A job's arguments are larger than the workstream's ``max_payload``.

    Attributes:
      size: Bytes found.
      limit: Bytes allowed.
    """

    def __init__(self, workstream: str, size: int, limit: int) -> None:
        self.workstream, self.size, self.limit = workstream, size, limit
        super().__init__(
            f'expected at most {limit} bytes for a job of "{workstream}", found {size}: '
            "send a reference (an id, a path, a URL) or raise max_payload"
        )


class WorkstreamFull(WorkstreamsError):
    """The workstream holds as many waiting jobs as ``max_waiting`` allows.

    Attributes:
      workstream: Its name.
      limit: The jobs it may hold.
    """

    def __init__(self, workstream: str, limit: int) -> None:
        self.workstream, self.limit = workstream, limit
        super().__init__(
            f'expected fewer than {limit} jobs waiting in "{workstream}", found it full: '
            "send later, or raise max_waiting"
        )


class CostTooHigh(WorkstreamsError):
    """A job costs more than a whole window of a rate, so it could never start.

    Attributes:
      cost: The job's cost.
      limit: The name of the limit.
      permits: What that limit allows in one window.
    """

    def __init__(self, limit: str, cost: float, permits: float) -> None:
        self.limit, self.cost, self.permits = limit, cost, permits
        super().__init__(
            f'expected a cost of at most {format_number(permits)} for the limit "{limit}", found '
            f"{format_number(cost)}: split the job, or raise the rate"
        )
