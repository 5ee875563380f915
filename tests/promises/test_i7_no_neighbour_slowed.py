"""I7: no workstream slows another, by backlog, limits or slow jobs."""

from __future__ import annotations

from pathlib import Path

from tests.promises.fleet import fleet

JOBS = """
@actor(workstream="held")
def held():
    run(0)

@actor(workstream="stuck")
def stuck():
    run(60)

@actor(workstream="free")
def free():
    run(0)
"""


def test_a_free_workstream_runs_at_once_beside_a_held_one_and_one_whose_jobs_never_end(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    workstreams = "  held: {rate: 1/m}\n  stuck: {threads: 2}\n  free:\n"
    with fleet(tmp_path, app_name, server_url, workstreams, JOBS, "{processes: 1, grace: 1s}") as project:
        project.start().wait_for_workers(1)
        project.send("held", "held", 1000)
        project.send("stuck", "stuck", 50)
        ids = project.send("free", "free", 200)
        project.wait_for_ends(ids, 10)
        project.wait_until_empty("free", 10)

        link = project.broker.link
        client = link.scripts.client
        assert client.get(link.keys.workstream("held", "waiting")) == b"999"
        assert client.zcard(link.keys.workstream("stuck", "running")) == 2, "it has no thread of another's"
        assert len(project.events("free", "finished")) == 200
