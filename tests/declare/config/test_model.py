"""The base of the models."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from workstreams.declare.config import Pool, WorkerSettings
from workstreams.declare.config.explain import explain
from workstreams.declare.config.model import Model
from workstreams.declare.config.places import Places


class _Plain(Model):
    number: int = 0


def test_a_section_may_be_given_as_its_model() -> None:
    assert WorkerSettings(pools={"main": Pool(processes=3)}).pools["main"].processes == 3


def test_nothing_is_a_section_of_defaults() -> None:
    assert _Plain.model_validate(None) == _Plain()


def test_a_field_without_a_reader_of_its_own_is_refused_in_our_words_all_the_same() -> None:
    with pytest.raises(ValidationError) as caught:
        _Plain.model_validate({"number": "x"})
    [problem] = explain(caught.value, _Plain, Places())
    assert str(problem) == 'number: expected another kind of value, found "x"'
