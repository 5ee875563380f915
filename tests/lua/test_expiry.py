"""What is of no use later than some moment: it starts before that, or ends as discarded."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.lua.rig import SECOND, Rig


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail={"rate": {"rate": "1/s", "margin": "0ms"}})
    rig.open("s1", "mail")
    return rig


def test_a_job_that_did_not_start_in_time_is_discarded_with_an_event(mail: Rig) -> None:
    first = mail.send("mail", 1)
    late = mail.send("mail", 1, due=f"!+{SECOND}")
    behind = mail.send("mail", 1)
    assert mail.ask("s1", "mail", 3).ids == first
    mail.advance(SECOND)
    assert mail.ask("s1", "mail", 3).ids == behind
    assert mail.state("mail", late[0]) == "discarded"
    assert ("discarded", late[0]) in mail.events("mail")
    assert '"Expired"' in mail.job("mail", late[0])["error"]


def test_a_job_starts_up_to_the_moment_at_which_it_expires(mail: Rig) -> None:
    [job] = mail.send("mail", 1, due=f"!@{mail.now + SECOND}")
    mail.advance(SECOND - 1)
    assert mail.ask("s1", "mail").ids == [job]


def test_a_delayed_job_may_expire_as_well(mail: Rig) -> None:
    [job] = mail.send("mail", 1, due=f"+{SECOND}!+{2 * SECOND}")
    mail.advance(2 * SECOND)
    assert not mail.ask("s1", "mail").ids
    assert mail.state("mail", job) == "discarded"


def test_a_refused_job_waits_no_longer_than_until_it_expires(mail: Rig) -> None:
    [job] = mail.send("mail", 1, due=f"!+{3 * SECOND}")
    given = mail.ask("s1", "mail").grants
    mail.tell("s1", given[0].end("defer", scope="mail", at=5 * SECOND))
    assert mail.state("mail", job) == "waiting"
    mail.advance(5 * SECOND)
    assert not mail.ask("s1", "mail").ids
    assert mail.state("mail", job) == "discarded"


def test_a_dropped_job_spends_no_permit(mail: Rig) -> None:
    mail.send("mail", 1, due="!+1")
    [job] = mail.send("mail", 1)
    mail.advance(1)
    assert mail.ask("s1", "mail").ids == [job]


def test_who_retries_an_expired_job_wants_it_to_run(mail: Rig) -> None:
    [job] = mail.send("mail", 1, due="!+1")
    mail.advance(1)
    mail.ask("s1", "mail")
    call = {"request": uuid4().hex, "workstream": "mail", "only": "", "epoch": "", "fresh": "f"}
    mail.scripts.run("job_retry", call | {"only": "discarded"}, [job, "{}", "{}"])
    assert mail.ask("s1", "mail").ids == [job]
