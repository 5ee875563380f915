"""The same for what an operator does, and for what jobs leave beside their finish."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.promises.operations import jobs_of
from tests.promises.scene import Scene
from tests.support import wait_until
from workstreams.control.dead import discard_all
from workstreams.control.jobs import Change as JobChange
from workstreams.control.jobs import cancel_jobs, retry_jobs
from workstreams.control.limiting import Change, change_limit, reset_limit
from workstreams.control.pausing import pause, resume
from workstreams.control.purging import purge
from workstreams.control.waiting import wait_for_end
from workstreams.finish.barriers import LimiterBackend
from workstreams.finish.results import StoredResults
from workstreams.log.append import Appender
from workstreams.log.buffer import Waiting
from workstreams.units import parse_rate

__all__ = ["CONTROLS"]


def pause_workstream(s: Scene) -> None:
    s.lose("pause", lambda: pause(s.link, s.config, "mail"), returns=True)
    _expect_paused(s)


def resume_workstream(s: Scene) -> None:
    pause(s.direct, s.config, "mail")
    s.lose("pause", lambda: resume(s.link, s.config, "mail"), returns=True)
    s.rig.send("mail")
    s.rig.open("s1", "mail")
    assert s.rig.ask("s1", "mail").grants
    s.expect_events(resumed=1)
    s.expect(running=1)


def change_a_limit(s: Scene) -> None:
    s.configure(mail={"rate": "5/h"})
    s.lose("limit", lambda: change_limit(s.link, s.config, "mail", _two_an_hour()), returns=True)
    _expect_admitted(s, 2)
    # One of the configs by hand, and one of the change.
    s.expect_events(limit_changed=2)


def reset_a_limit(s: Scene) -> None:
    s.configure(mail={"rate": "3/h"})
    change_limit(s.direct, s.config, "mail", _two_an_hour())
    s.lose("limit", lambda: reset_limit(s.link, s.config, "mail"), returns=True)
    _expect_admitted(s, 3)
    s.expect_events(limit_changed=3)


def change_the_limit_of_a_key(s: Scene) -> None:
    s.lose("limit", lambda: change_limit(s.link, s.config, "mail", _two_an_hour(), "acme"), returns=True)
    _expect_admitted(s, 2, key="acme")
    s.expect_events(limit_changed=1)


def pause_a_shared_limit(s: Scene) -> None:
    s.configure(limits={"account": {"rate": "5/h"}}, mail={"within": "account"})
    s.lose("limit_pause", lambda: pause(s.link, s.config, "account"), returns=True)
    _expect_paused(s)


def _expect_admitted(s: Scene, number: int, key: str = "") -> None:
    """Of five jobs that are sent now, so many start."""
    s.rig.send("mail", 5, key=key)
    s.rig.open("s1", "mail")
    assert len(s.rig.ask("s1", "mail", 5).grants) == number
    s.expect(waiting=5 - number, running=number)


def _expect_paused(s: Scene) -> None:
    """A job that is sent now waits."""
    s.rig.send("mail")
    s.rig.open("s1", "mail")
    assert s.rig.ask("s1", "mail").why["mail"] == "paused"
    s.expect_events(paused=1)
    s.expect(waiting=1)


def _two_an_hour() -> Change:
    return Change(rates=(parse_rate("2/h"),))


def purge_first_part(s: Scene) -> None:
    _purge(s, 1)


def purge_last_part(s: Scene) -> None:
    _purge(s, 2)


def _purge(s: Scene, number: int) -> None:
    s.rig.send("mail", 150)
    s.lose("purge", lambda: purge(s.link, "mail", "waiting"), number=number, returns=150)
    s.expect(discarded=150)
    s.expect_events(discarded=2)  # one event for all of a call


def cancel_waiting(s: Scene) -> None:
    ids = s.rig.send("mail", 5)
    found = [JobChange(job, "waiting", True) for job in ids[:3]]
    s.lose("job_cancel", lambda: cancel_jobs(s.link, "mail", ids[:3]), returns=found)
    s.expect(cancelled=3, waiting=2)
    s.expect_events(cancelled=3)


def cancel_running(s: Scene) -> None:
    [job] = s.rig.send("mail")
    s.rig.open("s1", "mail")
    [given] = s.rig.ask("s1", "mail").grants
    found = [JobChange(job, "running", True)]
    s.lose("job_cancel", lambda: cancel_jobs(s.link, "mail", [job]), returns=found)
    s.expect_events(cancelling=1)
    s.rig.tell("s1", given.end("retry", at=0))
    s.expect(cancelled=1)
    s.expect_events(cancelled=1)


def _dead(s: Scene, number: int) -> list[str]:
    ids = s.rig.send("mail", number)
    s.rig.open("s1", "mail")
    s.rig.tell("s1", *(given.end("dead") for given in s.rig.ask("s1", "mail", number).grants))
    return ids


def retry_dead(s: Scene) -> None:
    ids = _dead(s, 3)
    found = [JobChange(job, "dead", True) for job in ids]
    s.lose("job_retry", lambda: retry_jobs(s.link, "mail", ids, only="dead"), returns=found)
    s.expect(waiting=3)
    s.expect_events(retrying=3)


def retry_scheduled(s: Scene) -> None:
    ids = s.rig.send("mail", 2, due="+3600000000")
    found = [JobChange(job, "scheduled", True) for job in ids]
    s.lose("job_retry", lambda: retry_jobs(s.link, "mail", ids), returns=found)
    s.expect(waiting=2)
    s.expect_events(retrying=2)


def discard_the_dead(s: Scene) -> None:
    _dead(s, 3)
    s.lose("dead_discard", lambda: discard_all(s.link, "mail"), returns=3)
    s.expect(discarded=3)
    s.expect_events(discarded=3)


def await_the_end(s: Scene) -> None:
    [job] = s.rig.send("mail")
    s.rig.open("s1", "mail")
    [given] = s.rig.ask("s1", "mail").grants

    def end() -> None:
        wait_until(lambda: s.proxy.lost)
        s.rig.tell("s1", given.end("done"))

    ending = threading.Thread(target=end)
    ending.start()
    s.lose("job_await", lambda: wait_for_end(s.link, "mail", job, 10_000_000), number=2, returns="done")
    ending.join()
    s.expect(done=1)


def append_lines(s: Scene) -> None:
    appender = Appender(s.link.scripts.client, s.rig.keys, {}, {})
    appender.begin({"mail": [Waiting("j1", b'{"event":"%d"}' % n) for n in range(300)]})

    def append() -> None:
        while appender.pending:
            appender.attempt()

    # Two calls in one pipeline, of which the second is lost. It is told of nothing, and tries again.
    s.proxy.lose("append_lines", 2, s.fate)
    append()
    assert s.proxy.lost == 1
    stream: Any = s.rig.client.xrange(s.rig.keys.workstream("mail", "log"))
    assert [fields[b"o"] for _, fields in stream] == [b'{"event":"%d"}' % n for n in range(300)]
    assert s.rig.client.llen(s.rig.keys.workstream("mail", "lines", "j1")) == 300


def count_up(s: Scene) -> None:
    backend = LimiterBackend(s.broker)
    backend.add("slots", 3, 60_000)
    s.lose("counter", lambda: backend.incr("slots", 2, 99, 60_000), again=False, returns=True)
    assert _counted(s) == 5


def count_down(s: Scene) -> None:
    backend = LimiterBackend(s.broker)
    backend.add("slots", 9, 60_000)
    s.lose("counter", lambda: backend.decr("slots", 2, 0, 60_000), again=False, returns=True)
    assert _counted(s) == 7


def count_first(s: Scene) -> None:
    """The re-send finds the number that the first copy set, and is told all the same that it was set."""
    backend = LimiterBackend(s.broker)
    s.lose("counter", lambda: backend.add("slots", 3, 60_000), again=False, returns=True)
    assert _counted(s) == 3


def _counted(s: Scene) -> int:
    return int(s.rig.client.get(f"{s.rig.keys.root}counter:slots") or 0)


def store_a_result(s: Scene) -> None:
    backend = StoredResults(s.broker)
    [job] = jobs_of("mail", 1)
    s.lose("EXEC", lambda: backend.store_result(job, 42, 60_000))
    assert backend.get_result(job) == 42


def notify_a_barrier(s: Scene) -> None:
    backend = LimiterBackend(s.broker)
    s.lose("EXEC", lambda: backend.wait_notify("done", 60_000))
    assert backend.wait("done", 1_000)


CONTROLS: tuple[Callable[[Scene], None], ...] = (
    pause_workstream,
    resume_workstream,
    change_a_limit,
    reset_a_limit,
    change_the_limit_of_a_key,
    pause_a_shared_limit,
    purge_first_part,
    purge_last_part,
    cancel_waiting,
    cancel_running,
    retry_dead,
    retry_scheduled,
    discard_the_dead,
    await_the_end,
    append_lines,
    count_up,
    count_down,
    count_first,
    store_a_result,
    notify_a_barrier,
)
