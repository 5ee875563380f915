"""Every error is one sentence that says what was expected, what was found and what to do."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

from workstreams import errors
from workstreams.errors import (
    ConfigError,
    CostTooHigh,
    JobNotFound,
    LimitNotPublished,
    LimitTimeout,
    PayloadTooLarge,
    Problem,
    UnknownActor,
    UnknownLimit,
    UnknownWorkstream,
    WorkstreamFull,
    WorkstreamsError,
    nearest,
)


def test_every_error_has_the_one_root() -> None:
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    assert len(found) > 5
    assert all(issubclass(kind, WorkstreamsError) for kind in found)


def test_every_error_is_public_and_in_the_tree_of_the_docstring() -> None:
    families = [
        import_module(f"{errors.__name__}.{one.name}") for one in pkgutil.iter_modules(errors.__path__)
    ]
    kinds = [kind for family in families for _, kind in inspect.getmembers(family, inspect.isclass)]
    found = {kind for kind in kinds if issubclass(kind, Exception)}
    assert len(found) > 5
    for kind in found:
        assert getattr(errors, kind.__name__) is kind
        assert kind.__name__ in errors.__all__
        assert kind.__name__ in (errors.__doc__ or "")


def test_a_problem_says_file_line_path_expectation_finding_and_hint() -> None:
    problem = Problem("a rate", '"x"', "limits.a.rate", Path("a.yml"), 3, "write 20/s")
    assert str(problem) == 'a.yml:3: limits.a.rate: expected a rate, found "x" (write 20/s)'


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("a", "b"), "expected a, found b"),
        (Problem("a", "b", file=Path("c.yml")), "c.yml: expected a, found b"),
        (Problem("a", "b", "p.q", hint="h"), "p.q: expected a, found b (h)"),
        (Problem("a", "b", line=3), "expected a, found b"),
    ],
)
def test_a_problem_leaves_out_what_it_does_not_know(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_config_error_tells_every_problem_on_a_line_of_its_own() -> None:
    problems = [Problem("a", "b"), Problem("c", "d")]
    error = ConfigError(iter(problems))
    assert error.problems == tuple(problems)
    assert str(error) == "expected a, found b\nexpected c, found d"


@pytest.mark.parametrize("kind", [UnknownWorkstream, UnknownLimit, UnknownActor])
def test_an_unknown_name_is_answered_with_the_nearest_and_all_known_ones(
    kind: type[UnknownWorkstream | UnknownLimit | UnknownActor],
) -> None:
    error = kind("mial", ["mail", "crm"])
    assert (error.name, error.known) == ("mial", ("crm", "mail"))
    assert 'found "mial" (did you mean "mail"?)' in str(error)
    assert "crm, mail" in str(error)


def test_nothing_declared_is_said_in_words() -> None:
    assert "declared are none" in str(UnknownWorkstream("mail", []))


def test_a_name_like_no_other_has_no_nearest() -> None:
    assert nearest("zzz", ["mail", "crm"]) is None
    assert nearest("mail", []) is None


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (PayloadTooLarge("mail", 11, 10), {"workstream": "mail", "size": 11, "limit": 10}),
        (WorkstreamFull("mail", 5), {"workstream": "mail", "limit": 5}),
        (CostTooHigh("mail", 3, 2), {"limit": "mail", "cost": 3, "permits": 2}),
        (LimitNotPublished("mail"), {"name": "mail"}),
        (
            LimitTimeout("api", "rate", 0.5, "mail", "10s"),
            {"limit": "api", "why": "rate", "retry_after": 0.5},
        ),
        (JobNotFound("01J"), {"job_id": "01J"}),
    ],
)
def test_the_data_behind_an_error_is_in_its_attributes_and_its_sentence(
    error: WorkstreamsError, attributes: dict[str, object]
) -> None:
    assert vars(error) == attributes
    assert all(str(value) in str(error) for value in attributes.values())
    assert str(error).startswith("expected ")


def test_large_numbers_are_told_with_all_their_digits() -> None:
    text = str(CostTooHigh("tokens", 1_000_001, 1_000_000.0))
    assert "at most 1000000 for" in text
    assert "found 1000001:" in text
    assert "for another 80000.25 s" in str(LimitTimeout("api", "rate", 80_000.25, "api", "10s"))
