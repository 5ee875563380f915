from __future__ import annotations

import threading
import time
from typing import Any

import orjson
import redis

from tests.log.servers import KEYS, Server, log_key, wait_until
from workstreams.log.ship import MAX_LINES, Shipper
from workstreams.store.keys import Keys


def lines_in(client: redis.Redis, name: str) -> list[dict[str, Any]]:
    entries: Any = client.xrange(log_key(name))
    return [orjson.loads(fields[b"o"]) for _, fields in entries]


def test_lines_arrive_in_their_order_and_close_waits_for_them(server: Server, client: redis.Redis) -> None:
    shipper = Shipper(server.client(), KEYS, {})
    for number in range(1700):
        shipper.put("mail", "j1", {"event": "tick", "number": number})
    assert shipper.close(10.0) == 0
    assert [line["number"] for line in lines_in(client, "mail")] == list(range(1700))
    assert shipper.dropped == 0


def test_a_single_line_does_not_wait_for_company(server: Server, client: redis.Redis) -> None:
    shipper = Shipper(server.client(), KEYS, {})
    shipper.put("mail", None, {"event": "alone"})
    wait_until(lambda: client.xlen(log_key("mail")), 1.0)
    assert shipper.close(1.0) == 0


def test_lines_survive_an_outage_and_none_is_there_twice(own_server: Server) -> None:
    shipper = Shipper(own_server.client(), KEYS, {})
    shipper.put("mail", "j1", {"number": 0})
    with own_server.client() as client:
        wait_until(lambda: client.xlen(log_key("mail")))
    own_server.stop()
    for number in range(1, 1200):
        shipper.put("mail", "j1", {"number": number})
    own_server.start()
    assert shipper.close(10.0) == 0
    with own_server.client() as client:
        assert [line["number"] for line in lines_in(client, "mail")] == list(range(1200))


def test_an_outage_that_is_too_long_costs_the_oldest_lines_and_a_line_says_how_many(
    own_server: Server,
) -> None:
    own_server.stop()
    shipper = Shipper(own_server.client(), KEYS, {}, worker="host:1")
    begun = time.monotonic()
    total = MAX_LINES + 2000
    for number in range(total):
        shipper.put("mail", None, {"number": number})
    shipper.put("quiet", None, {"number": 0})
    assert time.monotonic() - begun < 5.0
    own_server.start()
    assert shipper.close(20.0) == 0
    with own_server.client() as client:
        received = lines_in(client, "mail")
        assert [line["number"] for line in lines_in(client, "quiet")] == [0]
    report = next(line for line in received if line.get("event") == "lines_dropped")
    numbers = [line["number"] for line in received if "number" in line]
    assert report["count"] == shipper.dropped == total - len(numbers) > 0
    assert (report["worker"], report["workstream"], report["app"]) == ("host:1", "mail", "shop")
    assert numbers == sorted(numbers)
    assert numbers[-1] == total - 1


def test_a_flood_of_one_workstream_does_not_hold_up_another(server: Server, client: redis.Redis) -> None:
    shipper = Shipper(server.client(), KEYS, {})
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            shipper.put("flood", None, {"event": "x" * 500})

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        wait_until(lambda: client.xlen(log_key("flood")))
        for number in range(1, 6):
            shipper.put("quiet", None, {"event": "here"})
            wait_until(lambda expected=number: client.xlen(log_key("quiet")) == expected, 1.0)  # type: ignore[misc]  # mypy cannot infer the default's type
    finally:
        stop.set()
        thread.join()
        shipper.close(5.0)


def test_close_gives_up_in_time_and_says_what_is_lost(own_server: Server) -> None:
    own_server.stop()
    shipper = Shipper(own_server.client(), KEYS, {})
    for _ in range(700):
        shipper.put("mail", None, {"event": "late"})
    begun = time.monotonic()
    assert shipper.close(0.3) == 700
    assert time.monotonic() - begun < 2.0
    own_server.start()


def test_a_stream_that_refuses_is_reported_in_the_stream_of_the_app(
    server: Server, client: redis.Redis
) -> None:
    client.set(log_key("broken"), "text")
    shipper = Shipper(server.client(), KEYS, {})
    shipper.put("broken", "j1", {"event": "lost"})
    wait_until(lambda: client.xlen(KEYS.log))
    assert shipper.close(1.0) == 0
    (report,) = lines_in(client, "")
    assert (report["event"], report["workstream"], report["count"]) == ("lines_dropped", "broken", 1)
    assert "WRONGTYPE" in report["why"]


def test_a_workstream_of_a_shard_has_its_lines_there(server: Server, client: redis.Redis) -> None:
    shard = Keys("shop", "eu")
    shipper = Shipper(server.client(), KEYS, {}, shards={"mail": shard})
    shipper.put("mail", "j1", {"event": "here"})
    assert shipper.close(5.0) == 0
    assert client.xlen(shard.workstream("mail", "log")) == 1
    assert client.llen(shard.workstream("mail", "lines", "j1")) == 1
