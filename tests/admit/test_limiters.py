from __future__ import annotations

import workstreams
from workstreams.wait.broker import WorkstreamBroker


def test_the_limiters_own_the_options_that_limits_read(broker: WorkstreamBroker) -> None:
    assert {"key_arg", "cost", "job_priority"} <= broker.actor_options

    @workstreams.actor(workstream="mail", key_arg="tenant", priority="high", cost=2)
    def act(tenant: str) -> None:
        """Does nothing."""

    assert act.options["cost"] == 2
