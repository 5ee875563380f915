"""How a message is tried again: its own options over its actor's over its workstream's."""

from __future__ import annotations

from typing import Any

from dramatiq import Actor
from dramatiq.middleware import Retries

from workstreams.admit.delivery import Delivery
from workstreams.declare.config import Config
from workstreams.finish.outcome import RetryPolicy

__all__ = ["options_over", "policy_of"]


def options_over(message: Delivery, actor: Actor[..., Any] | None) -> dict[str, Any]:
    """A message's options over its actor's."""
    return {**(actor.options if actor else {}), **message.options}


def policy_of(
    config: Config, message: Delivery, actor: Actor[..., Any] | None, given: Retries | None = None
) -> RetryPolicy:
    """Put together how a message is tried again.

    Parameters:
      config: Has the workstream's ``retries``.
      message: What ran.
      actor: What it ran as.
      given: A ``Retries`` that the program added; it stands over the workstream's.
    """
    options = options_over(message, actor)
    retries = config.workstream(message.grant.workstream).retries
    least = _microseconds(
        options.get("min_backoff"), given.min_backoff if given else None, retries.min_backoff
    )
    most = _microseconds(
        options.get("max_backoff"), given.max_backoff if given else None, retries.max_backoff
    )
    return RetryPolicy(
        most=options.get("max_retries", given.max_retries if given else retries.max),
        min_backoff=least,
        # Who asks for a wait longer than the workstream's longest means it.
        max_backoff=most if options.get("max_backoff") else max(least, most),
        jitter=retries.jitter,
        when=options.get("retry_when") or (given.retry_when if given else None),
        # As text, which is all that a message can carry, it names no class here.
        throws=options["throws"] if isinstance(options.get("throws"), type | tuple) else None,
    )


def _microseconds(option: float | None, given: float | None, ours: int) -> int:
    milliseconds = option or given
    return round(milliseconds * 1000) if milliseconds else ours
