from __future__ import annotations

import pytest

from tests.cli.conftest import Project


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_its_completion(project: Project, shell: str) -> None:
    ended = project.run("--show-completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert "_WORKSTREAMS_COMPLETE" in ended.out


def test_a_command_is_completed(project: Project) -> None:
    ended = project.run(
        env={
            "_WORKSTREAMS_COMPLETE": "complete_bash",
            "COMP_WORDS": "workstreams pau",
            "COMP_CWORD": "1",
        }
    )
    assert "pause" in ended.out.split()


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("status ", ["mail", "free"]),
        ("send f", ["free"]),
        ("worker -q m", ["mail"]),
        ("jobs --state d", ["done", "dead", "discarded"]),
    ],
)
def test_names_that_the_config_declares_are_completed(project: Project, typed: str, names: list[str]) -> None:
    words = f"workstreams {typed}"
    ended = project.run(
        env={
            "_WORKSTREAMS_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
    )
    assert sorted(ended.out.split()) == sorted(names)
    assert ended.err == ""


def test_without_a_config_nothing_is_completed_and_nothing_said(project: Project) -> None:
    (project.folder / "config" / "workstreams.yml").unlink()
    ended = project.run(
        env={
            "_WORKSTREAMS_COMPLETE": "complete_bash",
            "COMP_WORDS": "workstreams status ",
            "COMP_CWORD": "2",
        }
    )
    assert (ended.out.strip(), ended.err) == ("", "")
