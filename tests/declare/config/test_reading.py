"""YAML is read into plain data, never into objects, and never without end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.declare.config.conftest import Build, Refused
from workstreams.declare.config.reading import MAX_NODES, read_yaml
from workstreams.declare.config.scalars import BROKEN


def test_every_value_knows_its_line() -> None:
    reading = read_yaml("a:\n  b: 1\n  c:\n    - x\n    - y\n", None, {})
    lines = {path: place.line for path, place in reading.places.items()}
    assert lines == {(): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 4, ("a", "c", 1): 5}


def test_the_same_key_twice_is_refused_with_both_lines(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  mail: 5\n  crm: 1\n  mail: 6\n")
    assert (problem.path, problem.line) == ("workstreams.mail", 4)
    assert problem.expected == "each key once, and it is on line 2 already"


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("!!python/object/apply:os.system ['exit 1']", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!env HOME", "!env"),
        ("!!set {a, b}", "!!set"),
        ("!!binary aGk=", "!!binary"),
        ("!mine {a: 1}", "!mine"),
        ("!mine [1]", "!mine"),
    ],
)
def test_a_tag_is_refused_with_its_line_and_builds_nothing(refused: Refused, value: str, tag: str) -> None:
    [problem] = refused(f"workstreams:\n  mail: {value}\n")
    assert (problem.line, problem.path, problem.found) == (2, "workstreams.mail", f"the tag {tag}")


@pytest.mark.parametrize("key", ["[a]", "{a: 1}", "!x a"])
def test_a_key_that_is_no_name_is_refused(refused: Refused, key: str) -> None:
    [problem] = refused(f"app: x\n? {key}\n: 1\n")
    assert (problem.line, problem.expected) == (2, "a name as a key")


def test_a_key_that_looks_like_a_number_is_told_as_it_was_written(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  007: 1\n")
    assert (problem.found, problem.line) == ('"007"', 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("app: [x", 1),
        ("app: x\n  y: z\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("app: *nowhere\n", 1),
        ("app: x\n\tredis: y\n", 2),
        ("app: 'x\n", None),
        ("app: x\nredis: \x01\n", 2),
        ('app: "\\UFFFFFFFF"', None),
        ("%YAML 2.0\n---\napp: x\n", 1),
    ],
)
def test_broken_syntax_is_a_problem_with_its_line(refused: Refused, text: str, line: int | None) -> None:
    [problem] = refused(text)
    assert problem.expected == "a YAML document"
    assert line is None or problem.line == line


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "~"])
def test_an_empty_file_declares_nothing(load: Build, text: str) -> None:
    assert dict(load(text).workstreams) == {}


@pytest.mark.parametrize(("text", "found"), [("5", "5"), ("- a", "a list"), ("mail", '"mail"')])
def test_what_is_no_mapping_at_the_top_is_refused(refused: Refused, text: str, found: str) -> None:
    [problem] = refused(text)
    assert (problem.expected, problem.found, problem.line) == ("a mapping at the top", found, 1)


def test_anchors_and_merges_are_followed(load: Build) -> None:
    config = load(
        """
        workstreams:
          a: &a {rate: 10/s, threads: 2}
          b: *a
          c: {<<: *a, threads: 3}
          d:
            <<: [{threads: 4}, *a]
        """
    )
    assert [config.workstream(name).threads for name in "abcd"] == [2, 2, 3, 4]
    assert all(config.workstream(name).rates for name in "abcd")


def test_a_wrong_value_behind_an_alias_is_told_where_it_stands(refused: Refused) -> None:
    problems = refused("workstreams:\n  a: &a\n    threads: x\n  b:\n    <<: *a\n")
    assert [(problem.path, problem.line) for problem in problems] == [
        ("workstreams.a.threads", 3),
        ("workstreams.b.threads", 3),
    ]


def test_a_merge_of_what_is_no_mapping_is_refused(refused: Refused) -> None:
    [problem] = refused("workstreams:\n  a:\n    <<: 5\n")
    assert (problem.expected, problem.line) == ("a mapping to merge, such as <<: *name", 3)


@pytest.mark.parametrize("text", ["<<", "="])
def test_a_sign_with_a_meaning_in_keys_is_text_as_a_value(refused: Refused, text: str) -> None:
    [problem] = refused(f"app: {text}\n")
    assert (problem.path, problem.found) == ("app", f'"{text}"')


@pytest.mark.parametrize("value", ["!!int abc", "!!int", "!!bool maybe", "9" * 5_000])
def test_a_value_that_does_not_fit_its_tag_is_refused_once(refused: Refused, value: str) -> None:
    [problem] = refused(f"web:\n  port: {value}\n")
    assert (problem.path, problem.line) == ("web.port", 2)
    assert problem.expected.startswith("a value that fits its tag")


def _bomb(first: str, entry: str) -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} {entry.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(("first", "entry"), [("[x, x]", "[{}]"), ("{a: 1}", "{{<<: [{}]}}")])
def test_a_billion_values_out_of_ten_lines_are_refused(refused: Refused, first: str, entry: str) -> None:
    [problem] = refused(_bomb(first, entry))
    assert problem.expected == f"at most {MAX_NODES} values, aliases expanded"


@pytest.mark.parametrize(
    "text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}", "[" * 1_000, "a: " + "[" * 60 + "]" * 60]
)
def test_endless_depth_is_refused(refused: Refused, text: str) -> None:
    [problem] = refused(text)
    assert problem.expected == "at most 40 levels"


@pytest.mark.filterwarnings("error")
def test_an_anchor_may_be_used_again(load: Build) -> None:
    assert load("app: &a x\nversion: &a y\n").version == "y"


_WORDS = st.sampled_from(
    [
        "a: ",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "!!int",
        "!!float ",
        "!!bool ",
        "!!null",
        "!!str ",
        "%YAML 1.1\n---\n",
        "1:3",
        "0x",
        "0b_",
        "!x ",
        "[",
        "]",
        "{",
        "}",
        "\n",
        "  ",
        "'",
        '"',
        "${X}",
        "${",
        "?",
        "|",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(_WORDS, st.text(max_size=3))).map("".join)))
def test_any_text_is_data_or_a_problem(text: str) -> None:
    reading = read_yaml(text, None, {"X": "1"})
    assert reading.problems or reading.data is not BROKEN
