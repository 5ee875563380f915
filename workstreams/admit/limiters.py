"""The limiters as Dramatiq middleware: they own the options that limits read.

What they declare is published when a worker boots and at the first send, and enforced by
the admission script. A limiter in a hook would fail open: Dramatiq logs a hook's errors and
runs the job (broker.py, ``emit_before``).
"""

from __future__ import annotations

from dramatiq import Middleware

__all__ = ["ConcurrencyLimiter", "RateLimiter"]


class ConcurrencyLimiter(Middleware):
    """At most so many at once, over the fleet and by key."""

    @property
    def actor_options(self) -> set[str]:
        return {"key_arg"}


class RateLimiter(Middleware):
    """At most so much in every window; urgent work is first in line for it."""

    @property
    def actor_options(self) -> set[str]:
        return {"cost", "job_priority"}
