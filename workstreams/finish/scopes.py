"""Which limit a refusal of the upstream is about: it rests for as long as the upstream asked."""

from __future__ import annotations

import dataclasses

import structlog

from workstreams.admit.delivery import Delivery
from workstreams.declare.config import Config
from workstreams.finish.outcome import Outcome
from workstreams.finish.signals import KEY, WORKSTREAM

__all__ = ["with_limit"]


def with_limit(outcome: Outcome, config: Config, message: Delivery) -> Outcome:
    """An outcome whose scope is the name of a limit, "key", or "" when only the job waits.

    Parameters:
      outcome: How a run ended; only a refusal has a scope.
      config: Declares the limits that hold for the job's workstream.
      message: What ran.
    """
    if outcome.kind != "defer":
        return outcome
    return dataclasses.replace(outcome, scope=_limit_of(outcome.scope, config, message))


def _limit_of(scope: str, config: Config, message: Delivery) -> str:
    own = message.grant.workstream
    if scope == KEY:
        return KEY if message.grant.key else ""
    if scope in (WORKSTREAM, own):
        return own
    within = config.workstream(own).within
    if scope in within:
        return scope
    known = ", ".join((WORKSTREAM, KEY, own, *within))
    structlog.get_logger("workstreams").warning(
        "unknown_scope", scope=scope, reason=f"expected one of {known}; the workstream itself rests"
    )
    return own
