"""follow and its reader, against real streams."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.log.servers import KEYS, Server, log_key, wait_until, write_event, write_line
from tests.support import entry_of
from workstreams.errors import ConfigError, RedisUnavailable
from workstreams.log.follow import Line, follow
from workstreams.store.keys import Keys

#: A time at which no test runs, so that ids of a test's own making are old.
THEN = 1_700_000_000_000


def read(client: redis.Redis, names: list[str] | None, **options: Any) -> list[Line]:
    return list(follow(client, KEYS, names, follow=False, **options))


def events(lines: list[Line]) -> list[Any]:
    return [line.values["event"] for line in lines]


class Tail:
    """A reader that follows on a thread of its own, as ``tail`` does."""

    def __init__(self, server: Server, names: list[str] | None, **options: Any) -> None:
        self.lines: list[Line] = []
        self._client = server.client()
        self._stop = threading.Event()
        self._reader = follow(self._client, KEYS, names, **options)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(redis.RedisError, ValueError):
            for line in self._reader:
                self.lines.append(line)
                if self._stop.is_set():
                    return

    def wait_for(self, *names: str, seconds: float = 10.0) -> None:
        """Wait until exactly these events were seen."""
        wait_until(lambda: len(self.lines) >= len(names), seconds)
        assert events(self.lines) == list(names)


@pytest.fixture
def begun() -> Callable[..., Tail]:
    """Starts tails and waits until they listen."""

    def begin(server: Server, names: list[str] | None, **options: Any) -> Tail:
        with server.client() as other:
            known = {found["id"] for found in other.client_list()}
            tail = Tail(server, names, **options)

            def listens() -> bool:
                return any(
                    found["cmd"] == "xread" and found["id"] not in known and "b" in found["flags"]
                    for found in other.client_list()
                )

            wait_until(listens)
        return tail

    return begin


def test_lines_of_many_workstreams_come_in_the_order_in_which_they_happened(client: redis.Redis) -> None:
    for number, name in enumerate(["mail", "sms", "mail", "", "sms"]):
        write_line(client, name, f"e{number}", at=f"{THEN + number}-0", us=(THEN + number) * 1000)
    lines = read(client, ["mail", "sms", ""])
    assert events(lines) == ["e0", "e1", "e2", "e3", "e4"]
    assert [line.values["workstream"] for line in lines] == ["mail", "sms", "mail", None, "sms"]


def test_a_line_that_came_after_the_end_of_its_job_is_shown_before_it(client: redis.Redis) -> None:
    write_event(client, "mail", "started", "j1", THEN * 1000, at=f"{THEN}-0")
    write_event(client, "mail", "finished", "j1", (THEN + 9) * 1000, at=f"{THEN + 9}-0")
    write_line(client, "mail", "sending", at=f"{THEN + 50}-0", us=(THEN + 5) * 1000, job="j1")
    assert events(read(client, ["mail"])) == ["started", "sending", "finished"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    written=st.lists(
        st.tuples(st.sampled_from(["mail", "sms", "push"]), st.integers(0, 3), st.integers(-200, 50)),
        max_size=25,
    ),
    stop=st.integers(0, 24),
    protocol=st.sampled_from([2, 3]),
)
def test_whoever_resumes_at_any_line_loses_none_and_sees_none_twice(
    server: Server, written: list[tuple[str, int, int]], stop: int, protocol: int
) -> None:
    with server.client(protocol) as client:
        client.flushall()
        ms = THEN
        for number, (name, step, error) in enumerate(written):
            ms += step
            client.xadd(
                log_key(name),
                entry_of(f"e{number}", (ms + error) * 1000),
                id=f"{ms}-{number + 1}",
            )
        names = ["mail", "sms", "push"]
        whole = read(client, names)
        assert sorted(events(whole)) == sorted(f"e{number}" for number in range(len(written)))
        assert len({line.id for line in whole}) == len(whole)
        if whole:
            seen = whole[: stop % len(whole) + 1]
            rest = read(client, list(reversed(names)), after=seen[-1].id)
            assert events(seen) + events(rest) == events(whole)
            assert events(read(client, names, last=3)) == events(whole)[-3:]


def test_a_long_backlog_of_uneven_streams_is_read_whole_and_in_order(client: redis.Redis) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(2600):
        name = "mail" if number < 1300 or number % 13 == 0 else "sms"
        ms = THEN + number // 7
        pipeline.xadd(log_key(name), entry_of(str(number), ms * 1000), id=f"{ms}-{number + 1}")
    pipeline.execute()
    assert events(read(client, ["sms", "mail"])) == [str(number) for number in range(2600)]
    half = list(itertools.islice(follow(client, KEYS, ["mail", "sms"], follow=False), 1234))
    assert events(read(client, ["mail", "sms"], after=half[-1].id)) == [str(n) for n in range(1234, 2600)]


def test_the_last_lines_and_the_lines_since_a_time_are_what_was_asked_for(client: redis.Redis) -> None:
    for number in range(1200):
        name = ["mail", "sms"][number % 2]
        write_line(client, name, f"e{number}", at=f"{THEN + number}-0", us=(THEN + number) * 1000)
    assert events(read(client, ["mail", "sms"], last=3)) == ["e1197", "e1198", "e1199"]
    assert read(client, ["mail", "sms"], last=0) == []
    since = (THEN + 1190) * 1000
    assert events(read(client, ["mail", "sms"], since_us=since)) == [f"e{n}" for n in range(1190, 1200)]
    assert events(read(client, ["mail", "sms"], since_us=since, last=2)) == ["e1198", "e1199"]
    assert events(read(client, ["mail", "sms"], last=2, grep="e11")) == ["e1198", "e1199"]
    assert events(read(client, ["mail", "sms"], last=2, grep="=e1")) == ["e1198", "e1199"]
    assert events(read(client, ["mail", "sms"], last=1, grep="=e3")) == ["e399"]


def test_filters_let_through_what_they_name(client: redis.Redis) -> None:
    write_line(client, "mail", "one", job="j1", actor="a", level="error")
    write_line(client, "mail", "two", job="j2", actor="b", to="x@y")
    write_event(client, "mail", "sent", "j1", 0, level="debug")
    assert events(read(client, ["mail"], actor="a")) == ["one"]
    assert events(read(client, ["mail"], level="info")) == ["one", "two"]
    assert events(read(client, ["mail"], level="Error")) == ["one"]
    assert events(read(client, ["mail"], grep="to=x@y")) == ["two"]


def test_a_level_or_a_cursor_that_is_none_is_refused_before_anything_is_read() -> None:
    nowhere = redis.Redis(port=1)
    with pytest.raises(ConfigError, match='did you mean "warning"'):
        follow(nowhere, KEYS, ["mail"], level="warnin")
    with pytest.raises(ConfigError):
        follow(nowhere, KEYS, ["mail"], after="yesterday")


def test_one_job_is_shown_from_its_creation_with_its_lines_and_events(client: redis.Redis) -> None:
    job = str(uuid.UUID(int=(THEN << 80) | (7 << 76) | (0b10 << 62)))
    write_event(client, "mail", "sent", job, THEN * 1000, at=f"{THEN}-0")
    write_event(client, "mail", "sent", "other", THEN * 1000, at=f"{THEN}-1")
    write_line(client, "mail", "sending", at=f"{THEN + 9}-0", us=(THEN + 9) * 1000, job=job)
    assert events(read(client, ["mail"], job=job)) == ["sent", "sending"]
    assert events(list(itertools.islice(follow(client, KEYS, ["mail"], job=job), 2))) == ["sent", "sending"]
    assert events(read(client, ["mail"], job="other")) == ["sent"]


def test_new_lines_come_soon_and_old_ones_not_at_all(
    server: Server, client: redis.Redis, begun: Callable[..., Tail]
) -> None:
    write_line(client, "mail", "old")
    tail = begun(server, ["mail", "sms"])
    write_line(client, "sms", "first")
    tail.wait_for("first", seconds=1.0)
    write_line(client, "mail", "second")
    tail.wait_for("first", "second", seconds=1.0)


def test_lines_written_while_following_stay_in_order_across_streams(
    server: Server, client: redis.Redis, begun: Callable[..., Tail]
) -> None:
    tail = begun(server, ["mail", "sms"])
    for number in range(300):
        write_line(client, ["mail", "sms"][number % 2], f"e{number}")
    tail.wait_for(*(f"e{number}" for number in range(300)))


def test_a_workstream_that_appears_later_is_followed_too(
    server: Server, client: redis.Redis, begun: Callable[..., Tail], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workstreams.log.reader.REFRESH", 0.05)
    monkeypatch.setattr("workstreams.log.reader.BLOCK", 50)
    client.sadd(KEYS.workstreams, "mail")
    tail = begun(server, None)
    write_line(client, "", "worker_started")
    tail.wait_for("worker_started")
    client.sadd(KEYS.workstreams, "new")
    write_line(client, "new", "here")
    tail.wait_for("worker_started", "here")


def test_a_workstream_of_a_shard_is_read_there(client: redis.Redis) -> None:
    shard = Keys("shop", "eu")
    client.xadd(shard.workstream("mail", "log"), entry_of("sent", 1))
    assert events(list(follow(client, KEYS, ["mail"], shards={"mail": shard}, follow=False))) == ["sent"]


def test_lines_that_were_trimmed_leave_a_gap(client: redis.Redis) -> None:
    for number in range(10):
        write_line(client, "mail", f"e{number}", at=f"{THEN + number}-0", us=(THEN + number) * 1000)
    first, *_ = read(client, ["mail"])
    client.xtrim(log_key("mail"), maxlen=3, approximate=False)
    lines = read(client, ["mail"], after=first.id)
    assert events(lines) == ["gap", "e7", "e8", "e9"]
    assert lines[0].values["until"] == lines[1].values["ts"]
    assert lines[0].values["workstream"] == "mail"
    assert events(read(client, ["mail"], after=lines[1].id)) == ["e8", "e9"]


def test_trimming_what_was_seen_leaves_no_gap(client: redis.Redis) -> None:
    for number in range(10):
        write_line(client, "mail", f"e{number}", at=f"{THEN + number}-0", us=(THEN + number) * 1000)
    seventh = read(client, ["mail"])[7]
    client.xtrim(log_key("mail"), maxlen=4, approximate=False)
    assert events(read(client, ["mail"], after=seventh.id)) == ["e8", "e9"]
    assert events(read(client, ["mail"])) == ["e6", "e7", "e8", "e9"]


def test_a_reader_that_is_too_slow_is_told_what_it_missed(client: redis.Redis) -> None:
    for number in range(1500):
        write_line(client, "mail", f"e{number}", at=f"{THEN + number}-0", us=(THEN + number) * 1000)
    reader = follow(client, KEYS, ["mail"], since_us=THEN * 1000)
    begin = next(reader)
    assert begin.values["event"] == "e0"
    client.xtrim(log_key("mail"), maxlen=100, approximate=False)
    seen = events(list(itertools.takewhile(lambda line: line.values["event"] != "e1499", reader)))
    assert seen.count("gap") == 1
    assert seen[seen.index("gap") + 1 :][-1] == "e1498"


def test_a_restart_of_redis_is_waited_for_and_nothing_is_lost_or_repeated(
    own_server: Server, begun: Callable[..., Tail]
) -> None:
    tail = begun(own_server, ["mail"])
    with own_server.client() as client:
        write_line(client, "mail", "before")
    tail.wait_for("before")
    own_server.stop()
    own_server.start()
    with own_server.client() as client:
        write_line(client, "mail", "after")
    tail.wait_for("before", "after")


def test_a_server_that_is_not_there_at_the_beginning_is_an_error() -> None:
    with pytest.raises(RedisUnavailable):
        next(follow(redis.Redis(port=1, retry=Retry(NoBackoff(), 0)), KEYS, ["mail"]))


def test_an_entry_that_nobody_can_read_is_shown_as_such(client: redis.Redis) -> None:
    client.xadd(log_key("mail"), {"o": "{broken", "j": "j1"})
    (line,) = read(client, ["mail"])
    assert line.values["event"] == "unreadable_entry"


def test_a_record_ends_with_the_cursor_even_if_a_user_has_a_field_of_that_name(client: redis.Redis) -> None:
    write_line(client, "mail", "e", cursor=5)
    (line,) = read(client, ["mail"])
    assert line.record()["cursor"] == line.id
    assert line.record()["cursor_"] == 5


def test_no_workstreams_are_no_lines(client: redis.Redis) -> None:
    begun = time.monotonic()
    assert list(follow(client, KEYS, [])) == []
    assert time.monotonic() - begun < 1.0
