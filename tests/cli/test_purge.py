from __future__ import annotations

import pytest

from tests.cli.conftest import Command


@pytest.mark.usefixtures("project")
def test_nothing_is_purged_without_a_yes(call: Command) -> None:
    job = call("send", "mail", "greet").out.strip()
    for environment in ({}, {"WORKSTREAMS_PURGE_YES": "1"}):
        ended = call("purge", "mail", env=environment)
        assert (ended.code, ended.out) == (2, "")
        assert "--yes" in ended.err
    assert call("job", "show", job, "--json").objects()[0]["state"] == "waiting"


@pytest.mark.usefixtures("project")
def test_one_state_or_all_that_do_not_run_are_discarded(call: Command) -> None:
    waits = call("send", "mail", "greet").out.strip()
    later = call("send", "mail", "greet", "--delay", "1h").out.strip()
    assert call("purge", "mail", "--state", "scheduled", "--yes").out == "1 scheduled job discarded\n"
    assert call("job", "show", later, "--json").objects()[0]["state"] == "discarded"
    assert call("purge", "mail", "--yes").out.splitlines() == [
        "1 waiting job discarded",
        "0 scheduled jobs discarded",
        "0 dead jobs discarded",
    ]
    [record] = call("job", "show", waits, "--json").objects()
    assert (record["state"], record["error"]["type"]) == ("discarded", "Purged")


@pytest.mark.usefixtures("project")
def test_running_jobs_cannot_be_purged(call: Command) -> None:
    ended = call("purge", "mail", "--state", "running", "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert "waiting, scheduled, dead" in ended.err
