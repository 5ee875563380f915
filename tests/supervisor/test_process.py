"""A worker process that cannot start says why, once, and ends with the code of a wrong config."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises.fleet import Fleet, fleet
from tests.support import wait_until


def end_of(project: Fleet) -> tuple[int, str]:
    supervisor = project.start()
    code = supervisor.process.wait(30)
    return code, supervisor.output.read_text("utf-8", "replace")


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ("\n@actor(workstream='mial')\ndef hello(): ...\n", 'did you mean "mail"'),
        ("\nimport no_such_module\n", "no_such_module"),
        ("\nraise RuntimeError('at import')\n", "at import"),
        ("\n@actor(workstream='mail', colour='red')\ndef hello(): ...\n", "colour"),
    ],
    ids=["unknown workstream", "missing module", "error at import", "unknown option"],
)
def test_what_cannot_start_is_told_once_and_ends_with_2(
    tmp_path: Path, app_name: str, server_url: str, jobs: str, said: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  mail:\n", jobs, "{processes: 1}") as project:
        code, output = end_of(project)
        assert code == 2
        assert said in output


def test_an_unreachable_server_ends_with_3(tmp_path: Path, app_name: str) -> None:
    with fleet(tmp_path, app_name, "unix:///nowhere/at/all.sock", "  mail:\n", "") as project:
        code, output = end_of(project)
        assert code == 3
        assert "Traceback" not in output


def test_what_a_job_prints_and_logs_reaches_the_supervisor_and_redis(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    jobs = (
        "\nimport logging, structlog\n"
        "@actor(workstream='mail')\ndef hello(name):\n"
        "    print('printed', name, flush=True)\n"
        "    current_job().log('greeting', password='hunter2')\n"
        "    structlog.get_logger().info('by structlog')\n"
        "    logging.getLogger('lib').warning('by logging')\n"
    )
    with fleet(tmp_path, app_name, server_url, "  mail:\n", jobs, "{processes: 1}") as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        (job,) = project.send("mail", "hello", 1, "ada")
        names = ("greeting", "by structlog", "by logging")
        wait_until(lambda: all(supervisor.events(name) for name in names))
        for name in names:
            (line,) = supervisor.events(name)
            assert (line["job"], line["workstream"], line["actor"], line["attempt"]) == (
                job,
                "mail",
                "hello",
                1,
            )
        assert supervisor.events("greeting")[0]["password"] == "[redacted]"
        wait_until(lambda: [line["text"] for line in supervisor.events("output")] == ["printed ada"])
        link = project.broker.link
        wait_until(lambda: link.scripts.client.llen(link.keys.workstream("mail", "lines", job)) == 3)


def test_a_process_is_replaced_after_as_many_jobs_as_it_may_run(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    jobs = "\n@actor(workstream='mail')\ndef hello():\n    run(0)\n"
    worker = "{processes: 1, recycle: {jobs: 5}}"
    with fleet(tmp_path, app_name, server_url, "  mail: {threads: 1}\n", jobs, worker) as project:
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        ids = project.send("mail", "hello", 8)
        supervisor.wait_for_workers(2)
        project.wait_for_ends(ids)
        assert max(project.runs().values()) == 1, "an orderly replacement runs nothing twice"
