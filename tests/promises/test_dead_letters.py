"""A dead letter is told of, can be found by why it died, and is run again by its name or its error."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.promises.fleet import Fleet, fleet
from tests.support import wait_until
from workstreams.control import discard_all, retry_all

JOBS = """
import signal

@actor(workstream="work", on_dead="undertaker", retries=0)
def dies(how):
    run(0)
    if os.path.exists("mended"):
        return
    if how == "by its own hand":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError(how)

@actor(workstream="morgue")
def undertaker(message, death):
    with open("told", "a") as told:
        told.write(json.dumps([message["message_id"], message["args"], death["type"]]) + "\\n")
"""

STREAMS = "  work: {threads: 1}\n  morgue: {threads: 1}\n"


def told(project: Fleet) -> list[list[object]]:
    file = project.folder / "told"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_deaths_are_told_once_and_the_letters_of_one_error_are_run_again(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    worker = "{processes: 1, max_deliveries: 2}"
    with fleet(tmp_path, app_name, server_url, STREAMS, "import json\n" + JOBS, worker) as project:
        project.start().wait_for_workers(1)
        [killer] = project.send("work", "dies", 1, "by its own hand")
        others = project.send("work", "dies", 3, "of age")
        wait_until(lambda: project.states("work", [killer, *others]) == Counter(dead=4), 30)
        wait_until(lambda: len(told(project)) == 4)
        assert {line[0]: line[1:] for line in told(project)} == {
            killer: [["by its own hand"], "Poison"],
            **{job: [["of age"], "ValueError"] for job in others},
        }
        (tmp_path / "mended").touch()
        link = project.broker.link
        assert retry_all(link, "work", error="ValueError") == 3
        project.wait_until_empty("work")
        assert project.states("work", others) == Counter(done=3)
        assert project.states("work", [killer]) == Counter(dead=1)
        assert discard_all(link, "work", error="Poison") == 1
        project.wait_until_empty("morgue")
        assert len(told(project)) == 4
        assert project.runs()[killer] == 2
