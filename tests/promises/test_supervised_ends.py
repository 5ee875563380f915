"""How a worker process ends decides whom that counts against: in order nobody, otherwise what it ran."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.promises.fleet import fleet

JOBS = """
@actor(workstream="work")
def leave(code):
    run(0)
    os._exit(code)
"""


@pytest.mark.parametrize("code", [0, 1, 2, 75])
def test_a_job_that_ends_its_process_counts_whatever_the_exit_code(
    tmp_path: Path, app_name: str, server_url: str, code: int
) -> None:
    worker = "{processes: 1, max_deliveries: 2}"
    with fleet(tmp_path, app_name, server_url, "  work: {threads: 1}\n", JOBS, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        [bad] = project.send("work", "leave", 1, code)
        project.wait_until_empty("work")
        assert project.states("work", [bad]) == Counter(dead=1)
        assert project.runs()[bad] == 2
        died = supervisor.events("worker_died")
        assert [line["why"] for line in died[:2]] == [f"its process ended with exit code {code}"] * 2
        assert supervisor.stop() == 0
