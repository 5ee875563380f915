from __future__ import annotations

from pathlib import Path

import pytest

from workstreams.declare.config.source_spec import ConfigSource
from workstreams.errors import ConfigError
from workstreams.supervisor.actors import actors_of


def project(folder: Path, jobs: str) -> ConfigSource:
    (folder / "config").mkdir()
    (folder / "config" / "workstreams.yml").write_text("import: [lonely_jobs]\nworkstreams: {mail: }\n")
    (folder / "lonely_jobs.py").write_text(f"from workstreams import actor\nprint('imported')\n{jobs}\n")
    return ConfigSource(str(folder / "config"))


def test_the_actors_of_a_config_are_found_whatever_its_modules_print(tmp_path: Path) -> None:
    source = project(tmp_path, "@actor(workstream='mail')\ndef greet(): ...")
    assert actors_of(source) == {"greet": "mail"}


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("import os; os._exit(7)", "ended with 7"),
        ("@actor(workstream='mial')\ndef greet(): ...", 'did you mean "mail"'),
    ],
)
def test_what_is_wrong_with_a_module_is_told(tmp_path: Path, jobs: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        actors_of(project(tmp_path, jobs))
