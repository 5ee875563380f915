"""Every operation that senders, sessions and schedules make, done as they do it, with one of its calls lost.

Each function prepares an app by hand, does one thing through the proxy, and says what must be true then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.promises.scene import Scene
from workstreams.admit.sessions import SessionInfo, Sessions
from workstreams.declare.publishing import publish
from workstreams.errors import RedisUnavailable
from workstreams.schedule.control import pause_schedule, resume_schedule, run_schedule
from workstreams.schedule.firing import Firing
from workstreams.schedule.record import declare_schedules
from workstreams.send.job import Job

__all__ = ["OPERATIONS", "holding", "jobs_of"]

#: µs; longer than any test.
LEASE = 3600 * 1_000_000
SECOND = 1_000_000


def jobs_of(ws: str, number: int) -> list[Job[Any]]:
    """So many jobs to send."""
    return [Job(ws, "act", (), {}, {}) for _ in range(number)]


def holding(s: Scene, sid: str, number: int, lease: int = LEASE) -> None:
    """A session that runs so many jobs of ``mail``."""
    s.rig.open(sid, "mail", lease=LEASE)
    s.rig.send("mail", number)
    while number > 0:
        number -= len(s.rig.ask(sid, "mail", number).grants)
    s.rig.renew(sid, lease=lease)


def send_one(s: Scene) -> None:
    [job] = jobs_of("mail", 1)
    s.lose("send", lambda: s.broker.enqueue(job))
    s.expect(waiting=1)
    s.expect_events(sent=1)


def send_delayed(s: Scene) -> None:
    [job] = jobs_of("mail", 1)
    s.lose("send", lambda: s.broker.enqueue(job, delay=3_600_000))
    s.expect(scheduled=1)
    s.expect_events(sent=1)


def send_to_the_last_place(s: Scene) -> None:
    """The re-send finds the workstream full of what the first copy put there."""
    s.configure(mail={"max_waiting": 3})
    jobs = jobs_of("mail", 3)
    s.lose("send", lambda: s.broker.enqueue_many(jobs), again=False)
    s.expect(waiting=3)


def send_in_batches(s: Scene) -> None:
    jobs = jobs_of("mail", 300)

    told: list[int] = []

    def send() -> None:
        try:
            s.broker.enqueue_many(jobs)
        except RedisUnavailable as error:
            told.append(error.sent)
            raise

    s.lose("send", send, number=2)
    # What was sent for certain is said.
    assert told in ([], [250])
    s.expect(waiting=300)
    s.expect_events(sent=300)


def publish_at_the_first_send(s: Scene) -> None:
    s.rig.client.delete(s.rig.keys.workstream("mail", "settings"))
    [job] = jobs_of("mail", 1)
    s.lose("publish", lambda: s.broker.enqueue(job))
    s.expect(waiting=1)
    s.expect_events(sent=1)


def publish_a_change(s: Scene) -> None:
    s.configure(mail={"rate": "5/s"})
    s.rig.publish(mail={"rate": "1/s"})
    s.lose("publish", lambda: publish(s.config, s.link.scripts))
    assert s.rig.client.hget(s.rig.keys.limit("mail", "settings"), "rates") == b"5:1000000:10000:0"
    # Two by hand, from none to 5/s to 1/s, and one through the proxy.
    s.expect_events(limit_changed=3)
    s.expect()


def open_session(s: Scene) -> None:
    info = SessionInfo("mine", "host:1", "main", ("mail",), 3)
    s.lose("open_session", lambda: Sessions(s.link.scripts).open(info, LEASE))
    s.rig.seqs["mine"] = 0
    s.rig.send("mail")
    assert s.rig.ask("mine", "mail").grants
    s.expect(running=1)


def renew_and_sweep(s: Scene) -> None:
    """Somebody else's lease ran out: the renewal that finds it gives its jobs back."""
    s.rig.open("mine", "mail")
    holding(s, "gone", 3, lease=1)
    s.lose("renew", lambda: Sessions(s.link.scripts).renew(["mine"], LEASE).lost, returns=())
    s.expect(waiting=3)
    s.expect_events(reaped=3)


def end_session_in_one_part(s: Scene) -> None:
    _end_session(s, 20, 1)


def end_session_first_part(s: Scene) -> None:
    _end_session(s, 150, 1)


def end_session_last_part(s: Scene) -> None:
    _end_session(s, 150, 2)


def _end_session(s: Scene, held: int, number: int) -> None:
    holding(s, "gone", held)
    sessions = Sessions(s.link.scripts)
    s.lose("end_session", lambda: sessions.end("gone", "it crashed", blame=True), number=number)
    s.expect(waiting=held)
    s.expect_events(reaped=held, started=held)
    there: Any = s.rig.client.zrange(s.rig.keys.workstream("mail", "ready", ""), 0, -1)
    # Each delivery that ended counts once.
    assert {s.rig.job("mail", job.decode())["crashes"] for job in there} == {"1"}


def _declared(s: Scene, seconds_ago: int = 0) -> None:
    """A schedule, declared past the proxy as if so many seconds ago."""
    one = {"actor": "act", "workstream": "mail", "every": "1s", "overlap": "allow", "catch_up": "all"}
    s.configure(mail=None, schedules={"tick": one})
    declare_schedules(s.direct, "1", s.config.schedules, {"tick": "mail"})
    s.rig.client.hincrby(f"{s.rig.keys.root}schedule:tick", "mark", -seconds_ago * SECOND)


def _schedule(s: Scene) -> dict[str, str]:
    found: Any = s.rig.client.hgetall(f"{s.rig.keys.root}schedule:tick")
    return {name.decode(): value.decode() for name, value in found.items()}


def fire_first_part(s: Scene) -> None:
    _fire(s, 1)


def fire_last_part(s: Scene) -> None:
    _fire(s, 2)


def _fire(s: Scene, number: int) -> None:
    # More than one call decides about.
    _declared(s, 70)
    began = int(_schedule(s)["mark"])
    firing = Firing(s.config, "tick", "mail", s.link, lambda *_, **__: None)
    s.lose("fire", firing.settle, number=number)
    decided = int(_schedule(s)["mark"]) // SECOND - began // SECOND
    assert decided >= 70
    s.expect(waiting=decided)
    s.expect_events(fired=decided, sent=decided)


def schedule_declare(s: Scene) -> None:
    _declared(s, 70)
    old = _schedule(s)["mark"]
    s.rig.client.delete(f"{s.rig.keys.root}schedule:tick")
    s.lose("schedule_declare", lambda: declare_schedules(s.link, "1", s.config.schedules, {"tick": "mail"}))
    assert int(_schedule(s)["mark"]) > int(old)
    s.expect()


def schedule_run(s: Scene) -> None:
    _declared(s)
    # A second run that is asked for is another job.
    s.lose("schedule_run", lambda: run_schedule(s.link, s.config, "tick", "mail"), again=False)
    s.expect(waiting=1)
    s.expect_events(fired=1, sent=1)


def schedule_pause(s: Scene) -> None:
    _declared(s)
    s.lose("schedule_switch", lambda: pause_schedule(s.link, "tick"), returns=True)
    assert _schedule(s)["paused"] == "1"
    assert s.rig.client.xlen(s.rig.keys.log) == 1


def schedule_resume(s: Scene) -> None:
    _declared(s)
    pause_schedule(s.direct, "tick")
    s.lose("schedule_switch", lambda: resume_schedule(s.link, "tick"), returns=True)
    assert _schedule(s)["paused"] == "0"
    assert s.rig.client.xlen(s.rig.keys.log) == 2


OPERATIONS: tuple[Callable[[Scene], None], ...] = (
    send_one,
    send_delayed,
    send_to_the_last_place,
    send_in_batches,
    publish_at_the_first_send,
    publish_a_change,
    open_session,
    renew_and_sweep,
    end_session_in_one_part,
    end_session_first_part,
    end_session_last_part,
    fire_first_part,
    fire_last_part,
    schedule_declare,
    schedule_run,
    schedule_pause,
    schedule_resume,
)
