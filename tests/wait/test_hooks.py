from typing import Any

from dramatiq import Middleware

from workstreams.wait.broker import WorkstreamBroker
from workstreams.wait.hooks import Hooks


class Counting(Middleware):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def before_ack(self, broker: Any, message: Any) -> None:
        self.calls.append("before_ack")


class Inheriting(Counting):
    pass


def test_only_hooks_that_somebody_wrote_are_called() -> None:
    one, two, idle = Counting(), Inheriting(), Middleware()
    hooks = Hooks([one, idle, two])
    assert [owner for owner, _ in hooks.before("ack")] == [one, two]
    assert hooks.after("ack") == ()


def test_a_hook_set_on_the_object_itself_counts() -> None:
    one = Middleware()
    one.after_ack = lambda broker, message: None  # type: ignore[method-assign]  # on the object, on purpose
    assert [owner for owner, _ in Hooks([one]).after("ack")] == [one]


def test_middleware_put_into_the_list_by_hand_is_noticed(broker: WorkstreamBroker) -> None:
    broker.emit_before("ack", None)
    late = Counting()
    broker.middleware.append(late)
    broker.emit_before("ack", None)
    assert late.calls == ["before_ack"]
