from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis

from tests.lua.guests import Guests
from tests.lua.rig import SECOND, Rig
from workstreams.store import keys as module
from workstreams.store.keys import Keys, wake_channel


def test_every_key_of_an_app_carries_its_hash_tag() -> None:
    keys = Keys("shop")
    made = [
        keys.clock,
        keys.sessions,
        keys.workstreams,
        keys.log,
        keys.session("s"),
        keys.held("s"),
        keys.workstream("mail", "job", "1"),
        keys.limit("api", "rate"),
        wake_channel(keys.root, "s"),
    ]
    assert all(key.startswith("{shop}:") for key in made)
    assert len(set(made)) == len(made)


def test_a_shard_has_a_tag_of_its_own() -> None:
    assert Keys("shop", "eu").clock == "{shop:eu}:clock"


def documented() -> list[re.Pattern[str]]:
    """The keys of the table, as patterns, most particular first."""
    assert module.__doc__ is not None
    found = re.findall(r"^([a-z]+(?::[^ ]+)?) +(?:hash|zset|string|set|stream|list) ", module.__doc__, re.M)
    return [re.compile(re.sub(r"<[a-z]+>", "[^:]*", name).replace("+", r"\+") + "$") for name in found]


@pytest.fixture
def used(shared_client: redis.Redis, tmp_path: Path) -> Rig:
    """An app in which everything has happened once."""
    rig = Rig(shared_client, tmp_path)
    rig.freeze()
    rig.publish(
        limits={"api": {"rate": "2/s", "concurrency": 2}},
        mail={
            "within": "api",
            "concurrency": 9,
            "rate": {"rate": "9/s", "burst": 1},
            "per_key": {"rate": "1/s", "concurrency": 2},
        },
    )
    rig.open("s1", "mail")
    rig.open("s2", "mail")
    rig.send("mail", 4, key="k")
    rig.send("mail", 1, due=f"+{SECOND}")
    given = rig.ask("s1", "mail", 4).grants
    rig.ask("s2", "mail", 4)
    rig.tell("s1", given[0].end("done", res="{}", ttl=60_000))
    rig.advance(SECOND)
    for one in rig.ask("s1", "mail", 4).grants:
        rig.tell("s1", one.end("dead"))
    rig.advance(SECOND)
    rig.ask("s1", "mail", 4)
    guests = Guests(rig)
    rig.advance(SECOND)
    assert guests.take("mail").word == "in"
    while guests.take("api").why != "concurrency":
        rig.advance(SECOND)
    return rig


def test_every_key_that_the_scripts_make_stands_in_the_table(used: Rig) -> None:
    made = [
        key.decode().removeprefix(used.keys.root)
        for key in used.client.scan_iter(match=used.keys.root + "*", count=1000)
    ]
    assert len(made) > 15
    patterns = documented()
    assert [key for key in made if not any(pattern.match(key) for pattern in patterns)] == []
