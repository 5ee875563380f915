from __future__ import annotations

from tests.cli.conftest import Project
from tests.store.servers import real_server
from workstreams.store.client import producer_client

JOBS = """\
from workstreams import actor

@actor(workstream="mail")
def greet(to): ...
"""


def with_import(project: Project, jobs: str, name: str = "jobs") -> None:
    config = project.folder / "config/workstreams.yml"
    project.write("config/workstreams.yml", config.read_text() + f"import: [{name}]\n")
    project.write("jobs.py", jobs)


def test_a_sound_project_is_told_with_its_limits_and_actors(project: Project) -> None:
    with_import(project, JOBS)
    ended = project.run("check")
    assert (ended.code, ended.err) == (0, "")
    heading, mail, free, server, verdict = ended.out.splitlines()
    assert heading.split()[0] == "WORKSTREAM"
    assert mail.split() == ["mail", "2/h", "5", "-", "8", "main", "greet"]
    assert free.split() == ["free", "-", "-", "-", "8", "main", "-"]
    assert server.startswith("server: ")
    assert verdict == "all is well: 2 workstreams, 1 actor"


def test_a_check_starts_nothing(embedded: Project) -> None:
    ended = embedded.run("check")
    assert ended.code == 0
    assert "not running: workstreams up starts it" in ended.out
    assert {entry.name for entry in embedded.folder.iterdir()} == {"config"}


def test_mistakes_in_modules_are_all_told_without_a_traceback(project: Project) -> None:
    mistakes = {
        "absent": ("import nothing_like_that\n", "nothing_like_that"),
        "syntax": ("x = (\n", "syntax.py:1: import syntax"),
        "name": ("\n\nx = y\n", "name.py:3: import name"),
        "leaves": ("raise SystemExit(0)\n", "leaves.py:1: import leaves"),
        "mislaid": (JOBS.replace("mail", "mial").replace("greet", "other"), 'did you mean "mail"'),
        "twice": (JOBS + JOBS, "twice.py:7: import twice"),
    }
    with_import(project, "", ", ".join(mistakes))
    for name, (text, _) in mistakes.items():
        project.write(f"{name}.py", text)
    ended = project.run("check")
    assert ended.code == 2
    assert [part for _, part in mistakes.values() if part not in ended.err] == []
    assert "Traceback" not in ended.err
    assert "all is well" not in ended.out


def test_everything_that_is_wrong_is_told_at_once(project: Project) -> None:
    config = project.folder / "config/workstreams.yml"
    lines = config.read_text().splitlines()
    lines[1] = "redis: redis://127.0.0.1:1/0"
    project.write("config/workstreams.yml", "\n".join([*lines, "import: [jobs, absent]"]))
    project.write("jobs.py", JOBS.replace("mail", "mial"))
    ended = project.run("check")
    assert ended.code == 2
    assert 'found "mial"' in ended.err
    assert "absent" in ended.err
    assert "127.0.0.1:1" in ended.err


def test_a_server_that_is_away_ends_with_3(project: Project) -> None:
    project.write("config/workstreams.yml", "redis: redis://127.0.0.1:1/0\nworkstreams: {mail: }\n")
    ended = project.run("check")
    assert ended.code == 3
    assert "127.0.0.1:1" in ended.err


def test_a_server_that_may_lose_jobs_is_warned_about(project: Project) -> None:
    with real_server(project.folder, "--save", "") as path:
        project.write("config/workstreams.yml", f"redis: unix://{path}\nworkstreams: {{mail: }}\n")
        producer_client(f"unix://{path}").ping()
        ended = project.run("check")
    assert ended.code == 0
    assert ended.err.startswith("warning: expected appendonly yes")
