"""A call whose reply is lost on the way loses nothing, doubles nothing and leaks nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.promises.controls import CONTROLS
from tests.promises.life import LIMITS, TWICE, WORKSTREAMS, Life
from tests.promises.operations import OPERATIONS
from tests.promises.proxy import Fate
from tests.promises.scene import Scene, scene
from tests.support import working

Operation = Callable[[Scene], None]
#: What happens to a call → how, and how many times in a row.
LOSSES: dict[str, tuple[Fate, int]] = {
    "its reply is lost": ("reply", 1),
    "its reply and that to its re-send are lost": ("reply", 2),
    "it is lost itself": ("request", 1),
    "a copy of it comes late": ("late", 1),
    "silence is the answer": ("silence", 1),
}
#: So many at a time: each waits most of the time, for a client to try again or to give up.
AT_ONCE = 24


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, server_url: str) -> Iterator[dict[tuple[Operation, str], Future[None]]]:
    """What came of every operation and loss that this run is to look at."""

    def run(operation: Operation, loss: str) -> None:
        with scene(server_url, *LOSSES[loss]) as one:
            operation(one)

    chosen = [
        (item.callspec.params["operation"], item.callspec.params["loss"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "outcomes" in item.fixturenames
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # Those that wait longest first.
        chosen.sort(key=lambda one: one[1] != "silence is the answer")
        yield {(operation, loss): threads.submit(run, operation, loss) for operation, loss in chosen}


@pytest.mark.parametrize("operation", [*OPERATIONS, *CONTROLS], ids=lambda operation: operation.__name__)
@pytest.mark.parametrize("loss", LOSSES)
def test_an_operation_has_its_effect_once_when(
    operation: Operation, loss: str, outcomes: dict[tuple[Operation, str], Future[None]]
) -> None:
    outcomes[operation, loss].result()


def live(one: Scene, operation: str, number: int) -> tuple[bool, list[str]]:
    """The life of a worker of whose calls one is lost: whether it was, and what is wrong in the end."""
    noted: Counter[str] = Counter()
    life = Life(one.configure(LIMITS, **WORKSTREAMS), lambda job: noted.update([job]))
    one.lose_in_passing(operation, number)
    with working(one.broker, 5):
        last = life.send()
        one.wait_until_away("work")
        one.wait_until_away("next")
        assert last.get_result(block=True, timeout=5_000) == 3
        if one.proxy.lost and one.fate == "late":
            one.deliver_late()
    twice = [job for job, runs in noted.items() if runs > 1]
    problems = life.problems(one.ledger, noted)
    return one.proxy.lost > 0, problems + ([f"{twice} ran twice"] if len(twice) != len(TWICE) else [])


@pytest.mark.parametrize("loss", ["its reply is lost", "a copy of it comes late"])
def test_a_worker_ends_every_job_once_whichever_of_its_exchanges_fares_so(loss: str, server_url: str) -> None:
    number, lost = 0, True
    while lost:
        number += 1
        with scene(server_url, *LOSSES[loss]) as one:
            lost, problems = live(one, "exchange", number)
            assert problems == [], f"exchange {number} was lost"
    assert number > 5, "the life was too short to show anything"


@pytest.mark.parametrize("operation", ["publish", "open_session", "renew", "exchange", "send", "end_session"])
def test_a_worker_ends_every_job_once_when_two_replies_in_a_row_are_lost(operation: str, server_url: str) -> None:
    with scene(server_url, "reply", 2) as one:
        assert live(one, operation, 1) == (True, [])
