"""What the processes do that are killed on the way, and what those do that come after them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from dramatiq import Worker

from tests.promises.crashing import Post, spared
from tests.promises.life import LIMITS, WORKSTREAMS, Life
from tests.support import config_of, wait_until, working
from workstreams.admit.sessions import Sessions
from workstreams.app import build_broker
from workstreams.cli.main import main
from workstreams.control.dead import retry_all
from workstreams.control.purging import purge
from workstreams.schedule.scheduler import Scheduler
from workstreams.send.job import Job
from workstreams.store.keys import Keys
from workstreams.store.link import Link
from workstreams.wait.broker import WorkstreamBroker

__all__ = [
    "GONE",
    "WHERE",
    "broker_of",
    "end_a_session",
    "fire",
    "purge_all",
    "retry_the_dead",
    "send",
    "sweep",
    "work",
    "work_a_little",
]

#: A tick a second, none of which may be left out.
TICK = {"actor": "plain", "workstream": "next", "every": "1s", "overlap": "allow", "catch_up": "all"}
WHERE = {"tick": "next"}
ROOT = Path(__file__).parents[2]
#: µs that the sessions last which these processes open; the shortest there is.
LEASE = 1_000_000
#: The session that somebody has to end.
GONE = "gone"


def broker_of(post: Post) -> WorkstreamBroker:
    """The broker of a life."""
    more: dict[str, Any] = {"worker": {"lease": "1s"}, "schedules": {"tick": TICK}}
    return build_broker(config_of(post.app, post.url, post.folder, WORKSTREAMS, LIMITS, **more))


def _link_of(post: Post) -> Link:
    return Link(lambda: post.url, Keys(post.app))


def send(post: Post) -> None:
    """Send some jobs, and note each that is sent for certain."""
    broker = broker_of(post)
    for delay in (None, None, 1):
        post.note("sent", broker.enqueue(Job("next", "plain", (), {}, {}), delay=delay).message_id)
    # Two calls, of which the first is answered for itself.
    many = broker.enqueue_many([Job("next", "plain", (), {}, {}) for _ in range(300)])
    for job in many:
        post.note("sent", job.id)


def _wait_for_threads(worker: Worker) -> None:
    """Dramatiq's stop is not heard by a thread that has not begun to run."""
    wait_until(lambda: all(thread.running for thread in worker.workers))


def work(post: Post) -> None:
    """Work until nothing is left, and stop in order."""
    broker = broker_of(post)
    Life(broker, lambda job: post.note("run", job))
    with working(broker, 5) as worker, spared():
        _wait_for_threads(worker)
        # What follows a job is there when the job has ended.
        for ws in ("work", "next"):
            broker.join(ws, timeout=20_000)


def work_a_little(post: Post) -> None:
    """Stop in order as soon as half of the jobs have begun."""
    broker = broker_of(post)
    Life(broker, lambda job: post.note("run", job))
    with working(broker, 2) as worker, spared():
        _wait_for_threads(worker)
        wait_until(lambda: len(post.noted("run")) > 5, 20)


#: A module of actors, as a project has one.
MODULE = """
import os
from pathlib import Path
from tests.promises.crashing import Post
from tests.promises.life import Life
from workstreams.app import current_broker

post = Post("", "", Path(__file__).parent)
post.note("child", os.getpid())
Life(current_broker(), lambda job: post.note("run", job))
"""


def found_a_project(post: Post) -> None:
    """The same app as files, for whole processes."""
    (post.folder / "life_jobs.py").write_text(MODULE)
    (post.folder / "config").mkdir()
    declared = {
        "app": post.app,
        "redis": post.url,
        "import": ["life_jobs"],
        "path": [str(post.folder), str(ROOT)],
        "worker": {"processes": 1, "lease": "1s"},
        "limits": LIMITS,
        "workstreams": WORKSTREAMS,
    }
    # JSON is YAML.
    (post.folder / "config" / "workstreams.yml").write_bytes(orjson.dumps(declared))


def supervise(post: Post) -> None:
    """``workstreams worker`` with a process, until nothing is left."""
    os.chdir(post.folder)
    sys.argv = ["workstreams", "worker", "--until-empty"]
    with contextlib.suppress(SystemExit):
        main()


def end_a_session(post: Post) -> None:
    """Hand back what a process held that is gone; more than one call takes."""
    Sessions(_link_of(post).patient_scripts()).end(GONE, "it is gone", blame=True)


def sweep(post: Post) -> None:
    """Hand back what several held whose leases ran out."""
    sessions = Sessions(_link_of(post).patient_scripts())
    while sessions.renew([], LEASE).next_expiry is not None:
        continue


def retry_the_dead(post: Post) -> None:
    """What an operator does after an outage."""
    retry_all(_link_of(post), "next")


def purge_all(post: Post) -> None:
    """What an operator does when it was all wrong."""
    purge(_link_of(post), "next", "waiting")


def fire(post: Post) -> None:
    """Run a scheduler until every tick up to now is decided."""
    link, broker = _link_of(post), broker_of(post)
    scheduler = Scheduler(broker.config, WHERE, link, lambda *_, **__: None)
    scheduler.start()
    key, late = f"{link.keys.root}schedule:tick", time.time() * 1_000_000
    with spared():
        wait_until(lambda: int(link.scripts.client.hget(key, "mark") or 0) > late, 20)
    scheduler.stop()
