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
