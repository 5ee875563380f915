"""``workstreams check --json``: one object for each thing that was looked at, and for each that is wrong."""

from __future__ import annotations

from tests.cli.conftest import Project
from tests.store.servers import real_server
from workstreams.store.client import producer_client

JOBS = """\
from workstreams import actor

@actor(workstream="mail")
def greet(): ...
"""


def with_jobs(project: Project, jobs: str, more: str = "") -> None:
    config = project.folder / "config/workstreams.yml"
    project.write("config/workstreams.yml", f"{config.read_text()}import: [jobs]\n{more}")
    project.write("jobs.py", jobs)


def test_what_fits_together_is_told_with_stable_keys(project: Project) -> None:
    with_jobs(project, JOBS, "schedules: {tick: {actor: greet, every: 1h}}\n")
    ended = project.run("check", "--json")
    assert (ended.code, ended.err) == (0, "")
    mail, free, tick, server = ended.objects()
    assert mail == {
        "kind": "workstream",
        "name": "mail",
        "rate": "2/h",
        "concurrency": 5,
        "within": [],
        "threads": 8,
        "pool": "main",
        "actors": ["greet"],
    }
    assert (free["name"], free["rate"], free["concurrency"], free["actors"]) == ("free", None, None, [])
    assert (tick["kind"], tick["actor"], tick["workstream"], len(tick["next"])) == (
        "schedule",
        "greet",
        "mail",
        5,
    )
    assert (server["kind"], server["warnings"]) == ("server", [])


def test_each_thing_that_is_wrong_is_an_object_and_the_exit_code_stays(project: Project) -> None:
    with_jobs(project, "import nothing_like_that\n", "schedules: {tick: {actor: gone, every: 1h}}\n")
    ended = project.run("check", "--json")
    assert ended.code == 2
    problems = [one for one in ended.objects() if one["kind"] == "problem"]
    # On stderr a file is named as it is called from here.
    told = [problem["error"].removeprefix(f"{project.folder}/") for problem in problems]
    assert ended.err.splitlines() == [f"error: {one}" for one in told]
    assert (problems[0]["file"], problems[0]["line"]) == (str(project.folder / "jobs.py"), 1)
    assert (problems[1]["file"], problems[1]["line"]) == (None, None)


def test_a_config_that_cannot_be_read_is_objects_too(project: Project) -> None:
    file = project.write("config/workstreams.yml", "workstreams: {mail: {rat: 1/s, threads: no}}\n")
    ended = project.run("check", "--json")
    assert ended.code == 2
    assert [(one["kind"], one["file"], one["line"]) for one in ended.objects()] == [
        ("problem", str(file), 1)
    ] * 2


def test_a_server_that_is_away_is_an_object_and_ends_with_3(project: Project) -> None:
    project.write("config/workstreams.yml", "redis: redis://127.0.0.1:1/0\nworkstreams: {mail: }\n")
    ended = project.run("check", "--json")
    assert ended.code == 3
    mail, problem = ended.objects()
    assert (mail["kind"], problem["kind"]) == ("workstream", "problem")
    assert "127.0.0.1:1" in problem["error"]


def test_a_warning_stands_with_its_server(project: Project) -> None:
    with real_server(project.folder, "--save", "") as path:
        project.write("config/workstreams.yml", f"redis: unix://{path}\nworkstreams: {{mail: }}\n")
        producer_client(f"unix://{path}").ping()
        ended = project.run("check", "--json")
    assert ended.code == 0
    assert "appendonly" in ended.objects()[-1]["warnings"][0]
