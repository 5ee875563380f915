from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis
from dramatiq.asyncio import get_event_loop_thread

import workstreams
from tests.conftest import MakeConfig
from tests.support import wait_until, working
from workstreams.admit.admission import AdmissionMiddleware, BootFailed, worker_name
from workstreams.admit.lane import lanes_of
from workstreams.wait.broker import WorkstreamBroker


def admission_of(broker: WorkstreamBroker) -> AdmissionMiddleware:
    return next(one for one in broker.middleware if isinstance(one, AdmissionMiddleware))


@pytest.fixture
def no_loop_left() -> Iterator[None]:
    """Ends the event loop's thread, which Dramatiq leaves behind when a boot fails."""
    yield
    if (thread := get_event_loop_thread()) is not None and thread.is_alive():
        thread.stop()
        thread.join(5)


BOOT = """
import sys
from pathlib import Path
import dramatiq, workstreams
from tests.support import config_of
from workstreams.app import configure

broker = configure(config_of("boots", sys.argv[1], Path(sys.argv[2]), {"mail": None}))

@workstreams.actor(workstream="mail")
def act() -> None: ...

dramatiq.Worker(broker, worker_threads=1).start()
"""


def test_a_process_whose_worker_cannot_boot_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BOOT, f"unix://{tmp_path}/nobody.sock", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, timeout=20, cwd=Path(__file__).parents[2])
    assert ended.returncode != 0
    assert b"nobody.sock" in ended.stderr


def lanes(config: Any, threads: int) -> dict[str, int]:
    found = lanes_of(config.workstreams.values(), config, threads, lambda delivery: None)
    return {name: lane.threads for name, lane in found.items()}


def test_a_worker_with_the_sum_of_threads_gives_each_workstream_its_own(make_config: MakeConfig) -> None:
    config = make_config(mail={"threads": 2}, text={"threads": 6})
    assert lanes(config, 8) == lanes(config, 100) == {"mail": 2, "text": 6}


def test_a_worker_with_fewer_shares_them_and_leaves_each_one(make_config: MakeConfig) -> None:
    config = make_config(mail={"threads": 2}, text={"threads": 6})
    assert lanes(config, 4) == {"mail": 1, "text": 3}
    assert lanes(config, 1) == {"mail": 1, "text": 1}


def test_a_lane_knows_whether_its_slots_are_scarce_and_when_a_start_is_late(make_config: MakeConfig) -> None:
    config = make_config(
        limits={"api": {"concurrency": 3, "rate": {"rate": "1/s", "margin": "5ms"}}},
        mail={"within": "api", "rate": "1/m"},
        text=None,
    )
    made = lanes_of(config.workstreams.values(), config, 99, lambda delivery: None)
    assert (made["mail"].scarce, made["mail"].margin) == (True, 0.005)
    assert (made["text"].scarce, made["text"].margin) == (False, None)


def test_a_worker_publishes_its_limits_and_opens_a_session_that_ends_with_it(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"rate": "5/s"}))
    keys, client = broker.link.keys, broker.link.scripts.client

    @workstreams.actor(workstream="mail")
    def act() -> None:
        """Does nothing."""

    with working(broker):
        assert client.hget(keys.limit("mail", "settings"), "rates") == b"5:1000000:10000:0"
        [sid] = client.zrange(keys.sessions, 0, -1)
        assert client.hget(keys.session(sid.decode()), "worker") == worker_name().encode()
    assert client.exists(keys.sessions, keys.session(sid.decode()), keys.workstream("mail", "sleepers")) == 0


@pytest.mark.usefixtures("no_loop_left")
def test_a_worker_that_cannot_reach_redis_does_not_boot(
    broker: WorkstreamBroker, make_config: MakeConfig, tmp_path: Any
) -> None:
    config = make_config(mail=None).model_copy(update={"redis": f"unix://{tmp_path}/nobody.sock"})
    broker.configure(config)

    @workstreams.actor(workstream="mail")
    def act() -> None:
        """Does nothing."""

    worker = dramatiq.Worker(broker, worker_threads=1)
    with pytest.raises(BootFailed, match=r"nobody\.sock"):
        worker.start()


@pytest.mark.usefixtures("no_loop_left")
def test_a_worker_of_a_workstream_that_nobody_declared_does_not_boot(broker: WorkstreamBroker) -> None:
    @workstreams.actor(workstream="mial")
    def act() -> None:
        """Does nothing."""

    with pytest.raises(BootFailed, match='did you mean "mail"'):
        dramatiq.Worker(broker, worker_threads=1).start()


@pytest.mark.usefixtures("no_loop_left")
def test_a_worker_that_finds_another_programs_data_says_so_in_one_sentence(broker: WorkstreamBroker) -> None:
    broker.declare_queue("mail")
    broker.link.scripts.client.set(broker.link.keys.workstreams, "of another program")
    with pytest.raises(BootFailed, match="give this app another name"):
        dramatiq.Worker(broker, worker_threads=1).start()


def test_a_worker_that_stopped_leaves_no_connection_behind(
    broker: WorkstreamBroker, shared_client: redis.Redis
) -> None:
    @workstreams.actor(workstream="mail")
    def act() -> None:
        """Does nothing."""

    def connections() -> int:
        return len(shared_client.client_list())

    with working(broker):
        act.send().wait(timeout="10s")
    before = connections()
    for _ in range(3):
        with working(broker):
            act.send().wait(timeout="10s")
    # What listened and renewed notices within half a second that it is over.
    wait_until(lambda: connections() <= before)


def test_no_more_run_at_once_than_the_concurrency_over_several_workers(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"concurrency": 3}))
    mutex, now, most = threading.Lock(), [0], [0]

    @workstreams.actor(workstream="mail")
    def act(n: int) -> None:
        with mutex:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)  # the work, long enough for others to come in
        with mutex:
            now[0] -= 1

    act.send_many([(n,) for n in range(30)])
    with working(broker, threads=8):
        broker.join("mail", timeout=10_000)
    assert most[0] == 3


def test_a_stopping_worker_hands_back_what_it_did_not_start(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"threads": 2}))
    begun, go_on = threading.Semaphore(0), threading.Event()

    @workstreams.actor(workstream="mail")
    def act(n: int) -> None:
        begun.release()
        go_on.wait(10)

    act.send_many([(n,) for n in range(10)])
    keys, client = broker.link.keys, broker.link.scripts.client
    with working(broker, threads=2):
        assert all(begun.acquire(timeout=5) for _ in range(2))
        threading.Timer(0.1, go_on.set).start()
    assert client.zcard(keys.workstream("mail", "running")) == 0
    ended = client.zcard(keys.workstream("mail", "done"))
    assert int(client.get(keys.workstream("mail", "waiting"))) == 10 - ended
    assert ended >= 2


def test_settings_that_an_operator_deleted_come_back_by_themselves(broker: WorkstreamBroker) -> None:
    ran = threading.Event()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        ran.set()

    keys, client = broker.link.keys, broker.link.scripts.client
    with working(broker):
        client.delete(keys.workstream("mail", "settings"))
        # What the last call knew is believed for a second, which the test does not wait for.
        client.hset(keys.clock, "by", "")
        act.send()
        assert ran.wait(5)
        wait_until(lambda: client.exists(keys.workstream("mail", "settings")))


def test_a_retry_starts_when_it_is_due_though_every_thread_sleeps(
    broker: WorkstreamBroker, make_config: MakeConfig
) -> None:
    broker.configure(make_config(mail={"retries": {"max": 1, "min_backoff": "50ms", "jitter": 0}}))
    runs: list[int] = []

    @workstreams.actor(workstream="mail")
    def act() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("once")

    with working(broker):
        act.send()
        wait_until(lambda: len(runs) == 2, timeout=3)


def test_a_process_whose_jobs_were_given_to_others_opens_again_and_goes_on(broker: WorkstreamBroker) -> None:
    ran = threading.Event()

    @workstreams.actor(workstream="mail")
    def act() -> None:
        ran.set()

    with working(broker):
        admitted = admission_of(broker).admitted
        assert admitted is not None
        admitted.sessions.end(admitted.sid, "a test", blame=True)
        act.send()
        admitted.exchange.wake("*", 0)
        assert ran.wait(5)


def test_a_job_with_its_own_time_limit_holds_on_as_long_as_that_allows(broker: WorkstreamBroker) -> None:
    going = threading.Event()

    @workstreams.actor(workstream="mail", timeout="5h")
    def act() -> None:
        going.wait(5)

    with working(broker):
        act.send()
        client, keys = broker.link.scripts.client, broker.link.keys
        admitted = admission_of(broker).admitted
        assert admitted is not None

        def bound() -> float:
            held = client.zrange(keys.held(admitted.sid), 0, -1, withscores=True)
            return held[0][1] / 1_000_000 - client.time()[0] if held else 0.0

        # The workstream's own timeout is ten minutes.
        wait_until(lambda: bound() > 4.9 * 3600)
        going.set()
