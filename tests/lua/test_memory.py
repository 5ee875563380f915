"""What an operation remembers from one call to the next, and what makes it forget."""

from __future__ import annotations

import pytest

from tests.lua.rig import SECOND, Rig
from tests.support import listening, wait_until
from workstreams.store.library import Library, library
from workstreams.store.scripts import Scripts


@pytest.fixture
def mail(rig: Rig) -> Rig:
    rig.publish(mail={"rate": "100/s"})
    rig.open("s1", "mail")
    rig.send("mail", 9)
    rig.ask("s1", "mail", 1)
    return rig


def by_another_version(rig: Rig) -> Rig:
    """The same app, as processes of another version of the product see it."""
    real = library()
    text = real.text.replace(real.name, "<library>")
    other = Rig(rig.client, rig.folder)
    other.keys, other.epoch, other.seqs = rig.keys, rig.epoch, rig.seqs
    other.scripts = Scripts(rig.client, rig.keys, Library.of(f"{text}-- another\n", real.origin))
    return other


def reads(rig: Rig) -> int:
    """How many hashes one exchange reads."""
    rig.client.config_resetstat()
    rig.ask("s1", "mail", 1)
    return int(rig.client.info("commandstats")["cmdstat_hmget"]["calls"])


def test_what_is_known_from_the_call_before_is_not_read_again(mail: Rig) -> None:
    by_another_version(mail).ask("s1", "mail", 1)
    assert reads(mail) - reads(mail) == 5


def test_a_change_by_another_version_is_in_force_at_once(mail: Rig) -> None:
    other = by_another_version(mail)
    other.ask("s1", "mail", 1)
    mail.publish("2", mail={"paused": True})
    assert other.ask("s1", "mail", 1).why == {"mail": "paused"}
    other.publish("3", mail=None)
    assert len(mail.ask("s1", "mail", 1).grants) == 1


def test_a_session_that_another_version_ended_is_over_at_once(mail: Rig) -> None:
    by_another_version(mail).end("s1")
    assert mail.exchange(mail.call("s1", {"mail": 1})) is None


def test_versions_count_the_same_calls_of_a_session(mail: Rig) -> None:
    old = mail.call("s1", {"mail": 1})
    by_another_version(mail).ask("s1", "mail", 1)
    assert mail.scripts.run("exchange", old)[0] == b"stale"


def test_what_is_changed_by_hand_is_seen_within_a_second(mail: Rig) -> None:
    mail.client.hset(mail.keys.workstream("mail", "settings"), "paused", "1")
    mail.advance(SECOND)
    assert mail.ask("s1", "mail", 1).why == {"mail": "paused"}


def test_a_server_that_was_replaced_meanwhile_is_read_anew(mail: Rig) -> None:
    # After a failover and back the name is the same, and the time another.
    mail.client.hset(mail.keys.workstream("mail", "settings"), "paused", "1")
    mail.advance(1)
    assert mail.ask("s1", "mail", 1).why == {"mail": "paused"}


def test_a_call_that_failed_is_believed_nothing(mail: Rig) -> None:
    mail.publish("1", mail={"rate": "100/s"}, post=None)
    mail.ask("s1", "mail", 1)
    mail.client.set(mail.keys.workstream("post", "keys"), "not a set")
    mail.client.hset(mail.keys.workstream("mail", "settings"), "paused", "1")
    assert mail.ask("s1", "post", 1).why == {"post": "broken"}
    assert mail.ask("s1", "mail", 1).why == {"mail": "paused"}


def test_databases_of_one_server_do_not_share_what_is_known(mail: Rig) -> None:
    pool = dict(mail.client.connection_pool.connection_kwargs)
    client = type(mail.client)(unix_socket_path=pool["path"], db=1, protocol=2)
    there = Rig(client, mail.folder)
    there.keys = mail.keys
    there.scripts = Scripts(client, mail.keys)
    there.freeze(mail.now + 1)
    there.publish(mail={"paused": True})
    there.open("s1", "mail")
    there.send("mail", 1)
    for _ in range(2):
        assert there.ask("s1", "mail", 1).why == {"mail": "paused"}
        assert len(mail.ask("s1", "mail", 1).grants) == 1


@pytest.mark.parametrize("same", [True, False], ids=["this version", "another version"])
def test_a_running_job_that_somebody_cancels_does_not_wait_again(mail: Rig, same: bool) -> None:
    (given,) = mail.ask("s1", "mail", 1).grants
    call = {"request": "r1", "workstream": "mail", "epoch": "", "fresh": "x"}
    (mail if same else by_another_version(mail)).scripts.run("job_cancel", call, [given.id])
    mail.tell("s1", given.end("retry"))
    assert mail.state("mail", given.id) == "cancelled"


@pytest.mark.parametrize("same", [True, False], ids=["this version", "another version"])
def test_somebody_who_begins_to_wait_for_a_running_job_hears_of_its_end(mail: Rig, same: bool) -> None:
    (given,) = mail.ask("s1", "mail", 1).grants
    call = {"workstream": "mail", "job": given.id}
    with listening(mail.client, f"{mail.keys.root}ended:{given.id}") as ears:
        assert (mail if same else by_another_version(mail)).scripts.run("job_await", call) == b"running"
        mail.tell("s1", given.end("done"))
        assert wait_until(lambda: ears.get_message(timeout=0.1))["data"] == b"done"


def test_somebody_who_waited_before_the_start_hears_of_the_end(mail: Rig) -> None:
    (job,) = mail.send("mail", 1, ids=["first"], shift=-SECOND)
    with listening(mail.client, f"{mail.keys.root}ended:{job}") as ears:
        assert mail.scripts.run("job_await", {"workstream": "mail", "job": job}) == b"waiting"
        (given,) = mail.ask("s1", "mail", 1).grants
        mail.tell("s1", given.end("done"))
        assert wait_until(lambda: ears.get_message(timeout=0.1))["data"] == b"done"


def test_a_lease_that_another_version_took_back_is_lost(mail: Rig) -> None:
    (given,) = mail.ask("s1", "mail", 1).grants
    other = by_another_version(mail)
    other.end("s1")
    mail.open("s1", "mail")
    assert mail.tell("s1", given.end("done")).refused == (0,)


def test_a_delivery_that_is_named_twice_in_one_call_ends_once(mail: Rig) -> None:
    (given,) = mail.ask("s1", "mail", 1).grants
    assert mail.tell("s1", given.end("done"), given.end("done")).refused == (1,)
    assert [event for event, job in mail.events("mail") if job == given.id] == ["sent", "started", "finished"]
