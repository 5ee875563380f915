"""The examples that the help of each command ends with; each may be pasted as it stands."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["EXAMPLES", "epilog_of"]

#: Words behind ``workstreams``, and what they do, by command.
EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "up": (
        ("up", "all that ./config declares"),
        ("up --watch", "and again at each change of it or of the code"),
        ("up --demo", "real work through limits, to look at"),
    ),
    "init": (("init", "writes config/workstreams.yml"), ("init --config mine.yml", "writes that file")),
    "worker": (
        ("worker", "for all workstreams"),
        ("worker -q mail -q sms --processes 4", "for two of them"),
        ("worker --until-empty", "ends when nothing is left"),
        ("worker --watch", "reloads in development"),
    ),
    "scheduler": (("scheduler", "beside any number of others"),),
    "send": (
        ("send mail greet ann", "at once"),
        ("send mail greet ann --delay 5m --key acme", "later"),
        ('send mail greet --kwargs \'{"to": "ann"}\' --wait', "its result"),
        ("send mail greet --jsonl people.jsonl", "a job a line"),
    ),
    "status": (
        ("status", "every workstream in a row"),
        ("status mail", "one in detail"),
        ("status --watch", "once a second"),
        ("status --json", "for programs"),
    ),
    "tail": (
        ("tail", "the last, and new ones"),
        ("tail mail --level warning --since 1h", "what went wrong"),
        ("tail --job $ID", "one job"),
        ("tail --no-follow -n 1000 --json", "for programs"),
    ),
    "jobs": (
        ("jobs", "the newest of all"),
        ("jobs mail --state waiting --limit 10", "what waits there"),
        ("jobs --key acme --since 1h", "what a tenant sent"),
    ),
    "job show": (("job show $ID", "all about it"),),
    "job retry": (("job retry $ID", "once more"),),
    "job cancel": (("job cancel $ID", "no more"),),
    "dead list": (
        ("dead list", "of all"),
        ("dead list mail --actor greet", "of one actor"),
        ("dead list --error TimeLimitExceeded", "by what they died of"),
    ),
    "dead show": (("dead show $ID", "all about it"),),
    "dead retry": (
        ("dead retry $ID", "one"),
        ("dead retry --all --workstream mail", "all of a workstream"),
        ("dead retry --all --error ConnectionError", "after an outage"),
    ),
    "dead discard": (
        ("dead discard $ID", "one"),
        ("dead discard --all --actor greet", "all of an actor"),
    ),
    "limit": (
        ("limit", "what each allows"),
        ("limit mail --rate 20/s --burst 1", "from now on"),
        ("limit mail --key acme --concurrency 2", "for one tenant"),
        ("limit mail --reset", "what the file says"),
    ),
    "pause": (
        ("pause mail", "until it is resumed"),
        ("pause account", "a shared limit: all that are within it"),
        ("pause mail --key acme", "one tenant"),
    ),
    "resume": (("resume mail", "lets it go on"), ("resume mail --key acme", "one tenant")),
    "purge": (
        ("purge mail --state waiting --yes", "what waits"),
        ("purge mail --yes", "all but what runs"),
    ),
    "schedules list": (("schedules list", "what fires when"), ("schedules list --json", "for programs")),
    "schedules run": (("schedules run nightly-report", "now; prints the job's id"),),
    "schedules pause": (("schedules pause nightly-report", "until it is resumed"),),
    "schedules resume": (("schedules resume nightly-report", "lets it go on"),),
    "workers": (("workers", "who lives and what they run"), ("workers --json", "for programs")),
    "check": (("check", "./config"), ("check --config deploy/staging.yml", "that file")),
    "schema": (("schema > workstreams.schema.json", "for editors"),),
    "version": (("version", "for a report"), ("version --json", "for programs")),
}


def epilog_of(command: str) -> str:
    """The end of a command's help.

    Parameters:
      command: Its name, with that of its group: ``job show``.
    """
    shown = EXAMPLES[command]
    width = max(len(words) for words, _ in shown)
    lines = [f"  workstreams {words.ljust(width)}  # {what}" for words, what in shown]
    # The mark keeps the parser from filling the lines up.
    return "\n".join(["\b", "Examples:", *lines])
