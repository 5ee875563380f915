"""Promise I3: a concurrency holds at every instant, within a workstream and shared."""

from __future__ import annotations

from tests.lua.rig import SECOND, Rig


def test_no_more_run_than_the_concurrency_allows(rig: Rig) -> None:
    rig.publish(mail={"concurrency": 2})
    rig.open("s1")
    rig.send("mail", 5)
    answer = rig.ask("s1", "mail", 5)
    assert len(answer.grants) == 2
    assert (answer.why["mail"], answer.wait["mail"]) == ("concurrency", -1)
    assert len(rig.ask("s1", "mail", 5, [answer.grants[0].end("done")]).grants) == 1


def test_two_workstreams_share_the_slots_of_a_limit(rig: Rig) -> None:
    rig.publish(
        limits={"api": {"concurrency": 3}},
        mail={"within": ["api"]},
        text={"within": ["api"], "concurrency": 1},
    )
    rig.open("s1")
    rig.send("mail", 5)
    rig.send("text", 5)
    answer = rig.exchange(rig.call("s1", {"text": 5, "mail": 5}))
    assert answer is not None
    assert [given.ws for given in answer.grants] == ["text", "mail", "mail"]
    assert rig.client.zcard(rig.keys.limit("api", "holders")) == 3


def test_a_slot_is_given_back_to_the_limit_it_was_taken_from_though_the_config_changed(rig: Rig) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]})
    rig.open("s1")
    rig.send("mail", 1)
    given = rig.ask("s1", "mail").grants
    rig.publish("2", limits={"api": {"concurrency": 1}}, mail={"within": []})
    rig.tell("s1", given[0].end("done"))
    assert rig.client.zcard(rig.keys.limit("api", "holders")) == 0


def test_a_lowered_concurrency_kills_nothing_and_admits_nothing_until_enough_have_ended(rig: Rig) -> None:
    rig.publish(mail={"concurrency": 3})
    rig.open("s1")
    rig.send("mail", 9)
    given = rig.ask("s1", "mail", 3).grants
    rig.publish("2", mail={"concurrency": 1})
    assert not rig.ask("s1", "mail", 3, [given[0].end("done"), given[1].end("done")]).grants
    assert len(rig.ask("s1", "mail", 3, [given[2].end("done")]).grants) == 1


def test_a_finish_of_one_workstream_wakes_a_sleeper_of_the_other_that_waits_for_the_shared_slot(
    rig: Rig,
) -> None:
    rig.publish(limits={"api": {"concurrency": 1}}, mail={"within": ["api"]}, text={"within": ["api"]})
    rig.open("s1", "mail")
    rig.open("s2", "text")
    ears = rig.listen("s1", "s2")
    rig.send("mail", 1)
    rig.send("text", 1)
    given = rig.ask("s1", "mail").grants
    assert rig.ask("s2", "text").why["text"] == "concurrency"
    ears.heard()
    rig.tell("s1", given[0].end("done"))
    assert ears.heard() == [("s2", "text now")]


def test_a_crash_frees_the_slots_of_everything_that_ran_there(rig: Rig) -> None:
    rig.publish(limits={"api": {"concurrency": 2}}, mail={"within": ["api"], "concurrency": 2})
    rig.open("s1")
    rig.open("s2")
    rig.send("mail", 4)
    first = rig.ask("s1", "mail", 2).ids
    assert rig.end("s1") == 2
    assert rig.running("mail") == rig.client.zcard(rig.keys.limit("api", "holders")) == 0
    assert rig.ask("s2", "mail", 2).ids == first


def test_a_paused_workstream_admits_nothing_and_a_resumed_one_goes_on(rig: Rig) -> None:
    rig.publish(mail={"paused": True})
    rig.open("s1")
    rig.send("mail", 1)
    assert rig.ask("s1", "mail").why["mail"] == "paused"
    ears = rig.listen("s1")
    rig.publish("2", mail={"paused": False})
    assert ears.heard() == [("all", "* now")]
    rig.advance(SECOND)
    assert rig.ask("s1", "mail").grants


def test_a_workstream_without_settings_is_closed(rig: Rig) -> None:
    rig.publish(mail=None)
    rig.open("s1")
    rig.send("mail", 1)
    rig.client.delete(rig.keys.workstream("mail", "settings"))
    # What is done by hand is seen a second later.
    rig.advance(SECOND)
    answer = rig.ask("s1", "mail")
    assert (answer.grants, answer.why["mail"]) == ((), "unsettled")
