"""Who sends by name knows of an actor what its workers told of it, and asks for it seldom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dramatiq
import pytest
import redis

import workstreams
from tests.cli.conftest import Project, project, server
from tests.conftest import MakeConfig
from tests.support import config_of
from workstreams.app import build_broker
from workstreams.errors import RedisUnavailable
from workstreams.finish.deaths import register_actors
from workstreams.send.job import Job
from workstreams.wait.broker import WorkstreamBroker

__all__ = ["project", "server"]


@pytest.fixture
def worker(broker: WorkstreamBroker, make_config: MakeConfig) -> WorkstreamBroker:
    """One that has loaded the actors, and told of them."""
    broker.configure(make_config(mail={"rate": "9/s"}))

    @workstreams.actor(workstream="mail", key_arg="tenant", cost=2, priority="high")
    def act(to: str, tenant: str = "none") -> None: ...

    @workstreams.actor(workstream="mail", key_arg="tenant")
    def named(*to: str, tenant: str) -> None: ...

    @workstreams.actor(workstream="mail")
    def plain(tenant: str) -> None: ...

    class Sends(dramatiq.GenericActor):
        class Meta:
            queue_name = "mail"
            key_arg = "tenant"

        def perform(self, tenant: str) -> None: ...

    register_actors(broker)
    return broker


@pytest.fixture
def sender(worker: WorkstreamBroker) -> WorkstreamBroker:
    """One that has loaded nothing."""
    return build_broker(worker.config)


def sent(broker: WorkstreamBroker, actor: str, *args: Any, **options: Any) -> Job[Any]:
    kwargs = options.pop("kwargs", {})
    return broker.enqueue_many([Job("mail", actor, args, kwargs, options)])[0]


@pytest.mark.parametrize(
    ("actor", "args", "kwargs", "key"),
    [
        ("act", ("x", "acme"), {}, "acme"),
        ("act", ("x",), {"tenant": 7}, "7"),
        ("act", ("x",), {}, None),
        ("named", ("x", "y"), {"tenant": "acme"}, "acme"),
        ("Sends", ("acme",), {}, "acme"),
        ("plain", ("acme",), {}, None),
        ("nobody", ("acme",), {}, None),
    ],
)
def test_a_job_that_is_sent_by_name_has_the_key_that_its_actor_would_give_it(
    worker: WorkstreamBroker,
    sender: WorkstreamBroker,
    actor: str,
    args: tuple[str, ...],
    kwargs: dict[str, Any],
    key: str | None,
) -> None:
    job = sent(sender, actor, *args, kwargs=kwargs)
    assert job.options.get("key") == key
    if actor in worker.actors:
        assert sent(worker, actor, *args, kwargs=kwargs).options == job.options
    record = worker.link.keys.workstream("mail", "job", job.id)
    assert (worker.link.scripts.client.hget(record, "key") or b"").decode() == (key or "")


def test_what_the_sender_says_stands_over_what_the_actor_says(sender: WorkstreamBroker) -> None:
    job = sent(sender, "act", "x", "acme", key="other", cost=1, priority="low")
    assert job.options == {"key": "other", "cost": 1, "priority": "low"}


def test_many_sends_by_name_ask_once(sender: WorkstreamBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    kind = type(sender.link.scripts.client)
    hmget = kind.hmget

    def counted(self: redis.Redis, name: str, names: list[str]) -> Any:
        asked.append(sorted(names))
        return hmget(self, name, names)

    monkeypatch.setattr(kind, "hmget", counted)
    sender.enqueue_many([Job("mail", name, ("x",), {}, {}) for name in ("act", "nobody", "act")])
    for name in ("act", "nobody"):
        for _ in range(5):
            sent(sender, name, "x", "acme")
    assert asked == [["act", "nobody"]]


def test_a_redis_that_is_away_is_told_with_the_jobs_that_were_not_sent(tmp_path: Path) -> None:
    broker = build_broker(config_of("app", f"unix://{tmp_path}/nobody.sock", tmp_path, {"mail": None}))
    jobs = [Job[Any]("mail", "act", (), {}, {}) for _ in range(2)]
    with pytest.raises(RedisUnavailable) as caught:
        broker.enqueue_many(jobs)
    assert [one.message_id for one in caught.value.jobs] == [one.message_id for one in jobs]
    assert (caught.value.sent, caught.value.in_doubt) == (0, ())


def test_what_was_told_of_another_app_is_not_believed(sender: WorkstreamBroker) -> None:
    assert sent(sender, "act", "x", "acme").options["key"] == "acme"
    sender.configure(sender.config.model_copy(update={"app": f"{sender.config.app}-other"}))
    assert sent(sender, "act", "x", "acme").options == {}


@pytest.mark.parametrize("record", [b"[1]", b"{", b'{"opts": 7}', b'{"key_arg": "tenant", "key_at": "x"}'])
def test_a_record_of_another_kind_gives_no_key_and_stops_no_send(
    sender: WorkstreamBroker, record: bytes
) -> None:
    sender.link.scripts.client.hset(sender.link.keys.actors, "act", record)
    assert sent(sender, "act", "x", "acme").options == {}


def test_the_command_gives_a_job_its_actors_key(project: Project) -> None:
    url = (project.folder / "config/workstreams.yml").read_text().splitlines()[1].removeprefix("redis: ")
    broker = build_broker(config_of(project.app, url, project.folder, {"mail": None}))
    dramatiq.actor(lambda tenant: None, actor_name="act", queue_name="mail", broker=broker, key_arg="tenant")
    register_actors(broker)
    assert project.run("send", "mail", "act", "acme").code == 0
    assert project.run("send", "mail", "act", "acme", "--key", "other").code == 0
    assert project.run("send", "mail", "act", "--jsonl", "-", stdin=b'["a"]\n{"tenant": "b"}\n').code == 0
    keys = [job["key"] for job in project.run("jobs", "mail", "--json").objects()]
    assert sorted(keys) == ["a", "acme", "b", "other"]
    broker.close()
