from __future__ import annotations

from tests.admit.test_lane import delivery


def test_a_finish_names_the_delivery_and_how_long_it_ran() -> None:
    one = delivery("a")
    assert one.finish("done") == {"w": "mail", "i": "a", "d": 1, "o": "done"}
    one.begin()
    timed = one.finish("retry", at=5)
    assert (timed["o"], timed["at"]) == ("retry", 5)
    assert timed["us"] >= 0


def test_it_is_the_message_to_everybody_else() -> None:
    one = delivery("a")
    assert (one.message_id, one.queue_name, one.actor_name, one.failed) == ("a", "mail", "act", False)
    one.fail()
    assert one.failed
