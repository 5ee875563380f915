"""``workstreams send``: one job, or one for each line of a file."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workstreams.cli.arguments import (
    argument,
    cost_of,
    due_word,
    id_of,
    keyword_arguments,
    priority_of,
    refuse_beside_jsonl,
)
from workstreams.cli.completing import workstreams
from workstreams.cli.ending import patience_of, tell_end
from workstreams.cli.failures import FAILED, misuse
from workstreams.cli.options import ConfigPath, flag, link_to, load
from workstreams.cli.screen import counted, note, say

if TYPE_CHECKING:
    from workstreams.cli.lines import Call
    from workstreams.declare.config import Workstream
    from workstreams.send.order import Order
    from workstreams.send.sender import Sender
    from workstreams.send.told import ToldActors

__all__ = ["NAME", "command"]

NAME = "send"

Stream = Annotated[
    str, typer.Argument(metavar="WORKSTREAM", help="Where the job waits.", autocompletion=workstreams)
]
Actor = Annotated[str, typer.Argument(metavar="ACTOR", help="What will run; it is not imported here.")]
Args = Annotated[
    list[str] | None,
    typer.Argument(metavar="ARG", help='JSON where it parses as JSON, else text. Write "--" before -5.'),
]
Kwargs = Annotated[str | None, flag("--kwargs", metavar="JSON", help="Keyword arguments.")]
Delay = Annotated[str | None, flag("--delay", metavar="5m", help="Wait so long.")]
At = Annotated[str | None, flag("--at", metavar="T", help="Wait until then: ISO 8601 with its zone.")]
Key = Annotated[str | None, flag("--key", metavar="K", help="The job's key (tenant).")]
Priority = Annotated[str | None, flag("--priority", metavar="P", help="urgent, high, normal or low.")]
Cost = Annotated[
    str | None,
    flag(
        "--cost",
        metavar="C",
        help='What it weighs against rates: 2, or {"tokens": 1200} for each limit by name.',
    ),
]
JobId = Annotated[
    str | None,
    flag("--job-id", metavar="ID", help="Its id; a job whose id is known is not sent again."),
]
Jsonl = Annotated[
    str | None,
    flag(
        "--jsonl",
        metavar="FILE",
        help='One job a line: [args], {kwargs}, or an object of args, kwargs, key and cost; "-" is stdin.',
    ),
]
Wait = Annotated[bool, flag("--wait", help="Wait for its end; print its state, and its result as JSON.")]
Timeout = Annotated[
    str | None, flag("--timeout", metavar="10s", help="With --wait: at most so long.  [default: for ever]")
]


@dataclasses.dataclass(frozen=True, slots=True)
class _Way:
    """What is the same for every job of one command."""

    workstream: Workstream
    told: ToldActors
    actor: str
    due: str
    key: str | None
    priority: str | None
    cost: Any

    def order(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], key: str | None, cost: Any, **more: Any
    ) -> Order:
        from workstreams.send.actor import own_options
        from workstreams.send.job import Job
        from workstreams.send.order import order_for

        options = own_options(
            key=self.key if key is None else key,
            priority=self.priority,
            cost=self.cost if cost is None else cost,
        )
        job: Job[Any] = Job(self.workstream.name, self.actor, args, kwargs, options, **more)
        return order_for(self.told.completed(job), self.workstream, self.due)

    def order_of(self, call: Call) -> Order:
        return self.order(call.args, call.kwargs, call.key, call.cost)


def command(
    context: typer.Context,
    workstream: Stream,
    actor: Actor,
    args: Args = None,
    kwargs: Kwargs = None,
    delay: Delay = None,
    at: At = None,
    key: Key = None,
    priority: Priority = None,
    cost: Cost = None,
    job_id: JobId = None,
    jsonl: Jsonl = None,
    wait: Wait = False,
    timeout: Timeout = None,
    config: ConfigPath = None,
) -> None:
    """Send a job, or one for each line of a file.

    Prints the job's id, or how many were sent. With --wait it ends with 1 unless the job ended as done.
    """
    keywords, due, wanted, own_id = (
        keyword_arguments(kwargs),
        due_word(delay, at),
        priority_of(priority),
        id_of(job_id),
    )
    patience = patience_of(wait, timeout)
    if not actor.strip():
        raise misuse("ACTOR", "the name of an actor", actor)
    declared = load(context, config)
    from workstreams.send.sender import Sender
    from workstreams.send.told import ToldActors

    stream, link = declared.workstream(workstream), link_to(declared)
    told = ToldActors(lambda: link)
    way = _Way(stream, told, actor, due, key, wanted, cost_of(cost, stream))
    told.learn([actor])
    sender = Sender(lambda: declared, lambda: link)
    if jsonl is None:
        order = way.order(tuple(map(argument, args or ())), keywords, None, None, **_chosen(own_id))
        _send_one(sender, order)
        if wait:
            tell_end(link, declared, order.job, patience)
        return
    refuse_beside_jsonl(
        [("ARG", " ".join(args or ())), ("--kwargs", kwargs), ("--job-id", job_id), ("--wait", wait)]
    )
    _send_lines(sender, way, jsonl)


def _chosen(job_id: str | None) -> dict[str, str]:
    return {} if job_id is None else {"message_id": job_id}


def _send_one(sender: Sender, order: Order) -> None:
    if sender.send([order]) == 0:
        note(f"a job with the id {order.job.id} is known already: nothing was sent")
    say(order.job.id)


def _send_lines(sender: Sender, way: _Way, path: str) -> None:
    from workstreams.cli.bulk import Bulk, opened, progress
    from workstreams.send.sender import BATCH

    bulk = Bulk(way.order_of, sender.send, BATCH)
    with opened(path) as stream, progress(stream) as advance:
        bulk.run(stream, way.workstream.max_payload, advance)
    left_out = f", {counted(bulk.bad, 'bad line')} left out" if bulk.bad else ""
    say(f"{counted(bulk.sent, 'job')} sent{left_out}")
    if bulk.bad:
        raise typer.Exit(FAILED)
