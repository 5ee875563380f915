"""Several files are one document in which nothing is declared twice."""

from __future__ import annotations

import pytest

from tests.declare.config.conftest import Write
from workstreams.declare.config import load_config
from workstreams.errors import ConfigError, Problem


def _refused(write: Write, first: str, second: str) -> list[Problem]:
    folder = write({"workstreams.yml": first, "workstreams.d/more.yml": second})
    with pytest.raises(ConfigError) as caught:
        load_config(folder, environ={})
    return list(caught.value.problems)


def test_sections_of_several_files_are_one(write: Write) -> None:
    folder = write(
        {
            "workstreams.yml": """
                app: shop
                import: [a]
                limits: {x: {}}
                workstreams: {a: 1}
                logs: {level: debug}
            """,
            "workstreams.d/b.yml": """
                import: b
                workstreams: {b: {within: x}}
                logs: {format: json}
                limits:
            """,
            "workstreams.d/c.yml": "workstreams:\n",
        }
    )
    config = load_config(folder, environ={})
    assert (config.app, config.imports, list(config.workstreams)) == ("shop", ("a", "b"), ["a", "b"])
    assert (config.logs.level, config.logs.format) == ("debug", "json")


def test_a_section_that_is_empty_in_the_first_file_is_filled_by_the_second(write: Write) -> None:
    folder = write({"workstreams.yml": "workstreams:\n", "workstreams.d/b.yml": "workstreams: {b: 1}\n"})
    assert list(load_config(folder, environ={}).workstreams) == ["b"]


@pytest.mark.parametrize(
    ("first", "second", "path"),
    [
        ("workstreams:\n  mail: 5\n", "#\n#\nworkstreams:\n  mail: 6\n", "workstreams.mail"),
        ("#\nlimits: {a: {}}\n", "#\n#\nlimits:\n  a: {}\n", "limits.a"),
        ("#\napp: a\n", "#\n#\n#\napp: b\n", "app"),
        ("logs:\n  level: info\n", "#\n#\nlogs:\n  level: info\n", "logs.level"),
        ("#\napp: a\n", "#\n#\n#\napp: {}\n", "app"),
    ],
)
def test_what_is_given_twice_is_refused_with_both_places(
    write: Write, first: str, second: str, path: str
) -> None:
    [problem] = _refused(write, first, second)
    assert (problem.path, problem.line) == (path, 4)
    assert problem.file is not None
    assert problem.file.name == "more.yml"
    assert problem.expected.endswith("config/workstreams.yml:2 already")


def test_problems_of_all_files_are_told_at_once_in_their_order(write: Write) -> None:
    problems = _refused(
        write, "workstreams:\n  a: {threads: x}\nap: 1\n", "import: b\nworkstreams: {b: {threads: y}}\n"
    )
    found = [(problem.file.name, problem.line) for problem in problems if problem.file]
    assert found == [("workstreams.yml", 2), ("workstreams.yml", 3), ("more.yml", 2)]


def test_a_list_that_two_files_give_is_told_in_the_right_one(write: Write) -> None:
    [problem] = _refused(write, "import: [a]\n", "#\nimport: [b, c-d]\n")
    assert (problem.file and problem.file.name, problem.line) == ("more.yml", 2)


def test_names_of_a_file_that_cannot_be_read_are_not_told_as_unknown(write: Write) -> None:
    [problem] = _refused(write, "workstreams: {a: {within: x}}\n", "limits: {x: [}\n")
    assert problem.expected == "a YAML document"
