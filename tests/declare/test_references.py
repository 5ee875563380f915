from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workstreams.declare.config import Config, config_from_mapping
from workstreams.declare.references import check_actors, import_actors
from workstreams.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def config(folder: Path, *modules: str) -> Config:
    return config_from_mapping(
        {"import": list(modules), "path": [str(folder)], "workstreams": {"mail": None}}, folder
    )


def test_modules_are_found_in_the_folders_of_the_config_first(folder: Path) -> None:
    (folder / "references_first.py").write_text("HERE = 1\n")
    import_actors(config(folder, "references_first"))
    assert sys.modules["references_first"].__file__ == str(folder / "references_first.py")
    assert sys.path[0] == str(folder)


def test_every_module_that_cannot_be_imported_is_told_at_once_with_its_line(folder: Path) -> None:
    (folder / "references_broken.py").write_text("\n1 / 0\n")
    (folder / "references_leaving.py").write_text("import sys\nsys.exit(3)\n")
    with pytest.raises(ConfigError) as caught:
        import_actors(config(folder, "references_absent", "references_broken", "references_leaving"))
    absent, broken, leaving = caught.value.problems
    assert "references_absent" in absent.found
    assert str(folder) in absent.hint
    assert (broken.file, broken.line) == (folder / "references_broken.py", 2)
    assert (leaving.file, leaving.line) == (folder / "references_leaving.py", 2)


def test_an_actor_of_a_workstream_that_is_not_declared_is_told_with_the_nearest_one(folder: Path) -> None:
    check_actors(config(folder), {"greet": "mail"})
    with pytest.raises(ConfigError, match='did you mean "mail"'):
        check_actors(config(folder), {"greet": "mial"})
