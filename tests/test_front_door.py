"""The front door is exactly the public surface."""

from __future__ import annotations

import subprocess
import sys

import pytest

import workstreams


def test_every_name_of_the_surface_can_be_had() -> None:
    for name in workstreams.__all__:
        assert getattr(workstreams, name) is not None


def test_no_name_has_two_homes_and_none_is_hidden() -> None:
    assert set(workstreams.__all__) == set(workstreams._HOMES)
    assert set(dir(workstreams)) == set(workstreams.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'actr'"):
        workstreams.actr  # noqa: B018 - to read it is the test


def test_importing_the_package_loads_no_room() -> None:
    code = "import sys, workstreams; print([name for name in sys.modules if name.startswith('workstreams.')])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    # Only the empty package whose name the function ``send`` takes.
    assert done.stdout.strip() == "['workstreams.send']"


def test_every_error_is_one_of_the_tree() -> None:
    errors = [getattr(workstreams, name) for name in workstreams.__all__]
    raised = [one for one in errors if isinstance(one, type) and issubclass(one, Exception)]
    signals = {workstreams.Cancelled, workstreams.Discard, workstreams.RateLimited, workstreams.Retry}
    assert all(issubclass(one, workstreams.WorkstreamsError) for one in raised if one not in signals)
