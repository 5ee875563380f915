"""Workers and senders hold on while Redis is away, and go on by themselves when it is back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.server import Server
from tests.promises.fleet import Fleet, fleet, now
from tests.promises.ledger import Ledger
from tests.promises.outages import OUTAGES, Outage, killed
from tests.promises.proxy import LossyProxy
from tests.promises.senders import Sender
from tests.support import wait_until

NAP = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""
WORK = "  work: {threads: 4}\n"
#: Seconds for which it is away; leases are longer.
AWAY = 3.0
#: Seconds from its return to the first start: 3 are promised, the rest is for a machine that is busy.
SOON = 3.0 + 2.0
#: Seconds after which a sender must have been told that Redis does not answer.
TOLD = 6.0


@contextmanager
def running_server() -> Iterator[Server]:
    """A server whose log is written every second, as most are."""
    folder = Path(tempfile.mkdtemp(prefix="wsr"))
    one = Server(folder, "everysec")
    one.start()
    try:
        yield one
    finally:
        one.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test's own."""
    with running_server() as one:
        yield one


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Fleet]]:
    """A server and a fleet that have to live through one outage after the other."""
    folder = tmp_path_factory.mktemp("site")
    with (
        running_server() as one,
        fleet(folder, "site", f"unix://{one.socket}", WORK, NAP, "{processes: 2}") as project,
    ):
        supervisor = project.start()
        workers = supervisor.wait_for_workers(2)
        yield one, project
        assert supervisor.workers() == workers, "no process had to be replaced"
        assert supervisor.stop() == 0


def wait_for(seconds: float) -> None:
    """Wait until so much time has passed: what is waited for here is that nothing happens."""
    until = now() + seconds
    wait_until(lambda: now() > until, seconds + 5)


def starts_after(project: Fleet, moment: float) -> list[float]:
    return [line.at for line in project.noted("start") if line.at > moment]


def check(project: Fleet, sender: Sender) -> None:
    """Every job that was sent for certain has run once, and nothing is left over."""
    assert sender.errors == []
    project.wait_until_empty("work")
    link = project.broker.link
    ledger = Ledger(link.scripts.client, link.keys)
    states = ledger.jobs("work")
    assert [job for job in sender.sent if states.get(job, {}).get("state") != "done"] == []
    assert [job for job, runs in project.runs().items() if runs != 1] == []
    assert ledger.left_over() == []
    assert ledger.events("work")["reaped"] == 0


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.__name__)
def test_a_busy_fleet_goes_on_soon_after_redis_is_back_and_runs_nothing_twice(
    outage: Outage, site: tuple[Server, Fleet]
) -> None:
    server, project = site
    first = len(project.noted("end"))
    with Sender(project.broker, [("work", "nap", 0.05), ("work", "nap", 0.5)], 0.03) as sender:
        wait_until(lambda: len(project.noted("end")) > first + 20)
        with outage(server):
            wait_for(AWAY)
        back = now()
        began = wait_until(lambda: starts_after(project, back), 15)[0]
        wait_until(lambda: len(starts_after(project, back)) > 10)
    check(project, sender)
    assert began - back < SOON
    assert sender.refused, "the sender was to notice that Redis was away"
    assert max(sender.refused) < TOLD


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.__name__)
def test_a_fleet_that_has_nothing_to_do_hears_of_work_soon_after_redis_is_back(
    outage: Outage, site: tuple[Server, Fleet]
) -> None:
    server, project = site
    project.wait_until_empty("work")
    with outage(server):
        wait_for(1.0)
    back = now()
    ids = project.send("work", "nap", 1, 0)
    project.wait_for_ends(ids, 15)
    assert now() - back < SOON


def test_an_outage_longer_than_the_lease_costs_no_running_job_a_second_run(
    tmp_path: Path, app_name: str, server: Server
) -> None:
    url = f"unix://{server.socket}"
    with fleet(tmp_path, app_name, url, WORK, NAP, "{processes: 2, lease: 2s}") as project:
        workers = project.start().wait_for_workers(2)
        ids = project.send("work", "nap", 8, 8)
        wait_until(lambda: len(project.noted("start")) == 8)
        with killed(server):
            wait_for(2 * 2.0)
        project.wait_for_ends(ids)
        project.wait_until_empty("work")
        assert set(project.runs().values()) == {1}
        assert project.events("work", "reaped") == []
        assert project.supervisors[0].workers() == workers


def listen(server: Server) -> int:
    """Give it a port, by which servers find each other."""
    with server.client() as client, socket.create_server(("127.0.0.1", 0)) as vacant:
        port: int = vacant.getsockname()[1]
        vacant.close()
        client.config_set("port", port)
        # By default it waits 5 s for further replicas.
        client.config_set("repl-diskless-sync-delay", 0)
    return port


@contextmanager
def replica_of(server: Server, folder: Path) -> Iterator[Server]:
    """A second server that follows the first, and has all of its data."""
    replica = Server(folder, "everysec")
    replica.start()
    try:
        listen(replica)
        with replica.client() as client:
            client.replicaof("127.0.0.1", listen(server))
            wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        yield replica
    finally:
        replica.kill()


def fail_over(server: Server) -> None:
    """Change places with its replica, and lose nothing."""
    with server.client() as client:
        client.execute_command("FAILOVER")
        wait_until(lambda: client.info("replication")["role"] == "slave")


def test_a_fleet_follows_a_fail_over_behind_one_address(
    tmp_path: Path, app_name: str, server: Server
) -> None:
    """The old primary lives on as a replica, and nothing breaks the connections to it."""
    with (
        tempfile.TemporaryDirectory(prefix="wsr") as folder,
        LossyProxy(Path(folder), server.socket) as proxy,
        fleet(tmp_path, app_name, proxy.url, WORK, NAP, "{processes: 1}") as project,
        replica_of(server, Path(folder) / "next") as successor,
    ):
        workers = project.start().wait_for_workers(1)
        with Sender(project.broker, [("work", "nap", 0.05)], 0.03) as sender:
            wait_until(lambda: len(project.noted("end")) > 10)
            fail_over(server)
            proxy.point_at(successor.socket)
            back = now()
            # What was handed out before begins within a moment.
            later = wait_until(lambda: starts_after(project, back + 0.2), 15)
            wait_until(lambda: len(starts_after(project, back + 0.2)) > 10)
        check(project, sender)
        assert later[0] - back < SOON
        assert project.supervisors[0].workers() == workers


def test_an_embedded_server_that_is_killed_is_started_again_and_its_work_goes_on(
    tmp_path: Path, app_name: str
) -> None:
    with fleet(tmp_path, app_name, "embedded", WORK, NAP, "{processes: 2}") as project:
        supervisor = project.start()
        workers = supervisor.wait_for_workers(2)
        with Sender(project.broker, [("work", "nap", 0.05), ("work", "nap", 0.5)], 0.03) as sender:
            wait_until(lambda: len(project.noted("end")) > 20)
            info = project.broker.link.scripts.client.info("server")
            os.kill(info["process_id"], signal.SIGKILL)
            killed_at = now()
            wait_until(lambda: supervisor.events("server_restarted"))
            wait_until(lambda: len(starts_after(project, now())) or len(project.noted("start")) > 40)
            wait_until(lambda: len(sender.sent) > 60)
        check(project, sender)
        # Work that it had handed out began meanwhile; what it handed out later shows that it is back.
        later = [line.at for line in project.noted("start") if line.at > killed_at]
        assert max(b - a for a, b in zip([killed_at, *later], later, strict=False)) < SOON
        assert supervisor.workers() == workers
        assert supervisor.stop() == 0
