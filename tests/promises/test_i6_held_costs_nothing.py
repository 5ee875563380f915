"""I6: work that waits for a limit holds no thread, spends no attempt, is not moved and not polled for."""

from __future__ import annotations

from pathlib import Path

from tests.promises.fleet import fleet
from tests.support import calls_of, wait_until

TICK = """
@actor(workstream="slow")
def tick():
    run(0)
"""


def test_a_backlog_behind_a_shut_gate_is_not_touched_and_hardly_asked_for(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  slow: {rate: 2/m, threads: 4}\n", TICK) as project:
        project.start().wait_for_workers(2)
        ids = project.send("slow", "tick", 300)
        project.wait_for_ends(ids[:2])
        link = project.broker.link
        client = link.scripts.client
        record = link.keys.workstream("slow", "job", ids[-1])
        wait_until(lambda: not client.zcard(link.keys.workstream("slow", "running")))
        before, sent = client.hgetall(record), client.xlen(link.keys.workstream("slow", "log"))

        # What a process asks is counted in its session.
        sids = [sid.decode() for sid in client.zrange(link.keys.sessions, 0, -1)]
        asked = sum(calls_of(client, link.keys.session(sid)) for sid in sids)
        waited_until = client.time()[0] + 2
        wait_until(lambda: client.time()[0] > waited_until)
        again = sum(calls_of(client, link.keys.session(sid)) for sid in sids)

        assert again - asked <= 2, "two sleeping processes"
        assert client.hgetall(record) == before
        assert client.xlen(link.keys.workstream("slow", "log")) == sent
        assert before[b"state"] == b"waiting"
        assert b"deliveries" not in before
        assert client.get(link.keys.workstream("slow", "waiting")) == b"298"


def test_sends_to_a_shut_gate_wake_nobody(tmp_path: Path, app_name: str, server_url: str) -> None:
    with fleet(tmp_path, app_name, server_url, "  slow: {rate: 2/m}\n", TICK, "{processes: 1}") as project:
        project.start().wait_for_workers(1)
        project.wait_for_ends(project.send("slow", "tick", 3)[:2])
        link = project.broker.link
        client = link.scripts.client
        (sid,) = (sid.decode() for sid in client.zrange(link.keys.sessions, 0, -1))
        wait_until(lambda: not client.zcard(link.keys.workstream("slow", "running")))
        before = calls_of(client, link.keys.session(sid))
        for _ in range(30):
            project.send("slow", "tick", 1)
        assert calls_of(client, link.keys.session(sid)) - before <= 1
