from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.cli.conftest import Command, Project
from tests.store.servers import BadServer
from workstreams.store.scripts import Scripts


def shown(call: Command, job: str) -> dict[str, object]:
    return call("job", "show", job, "--json").objects()[0]


@pytest.mark.usefixtures("project")
def test_a_job_is_sent_and_its_id_printed_alone(call: Command) -> None:
    ended = call(
        "send", "free", "greet", "ann", "42", "true", "0049", '{"a": [1]}', "--kwargs", '{"to": "bob"}'
    )
    assert (ended.code, ended.err) == (0, "")
    job = shown(call, ended.out.strip())
    assert (job["workstream"], job["actor"], job["state"]) == ("free", "greet", "waiting")
    assert job["args"] == ["ann", 42, True, "0049", {"a": [1]}]
    assert job["kwargs"] == {"to": "bob"}


@pytest.mark.usefixtures("project")
def test_what_looks_like_a_flag_goes_behind_two_dashes(call: Command) -> None:
    assert shown(call, call("send", "free", "greet", "--", "-5", "--x").out.strip())["args"] == [-5, "--x"]
    refused = call("send", "free", "greet", "-5")
    assert (refused.code, refused.out) == (2, "")


@pytest.mark.usefixtures("project")
def test_numbers_that_json_lacks_are_text(call: Command) -> None:
    assert shown(call, call("send", "free", "greet", "NaN", "Infinity").out.strip())["args"] == [
        "NaN",
        "Infinity",
    ]


@pytest.mark.usefixtures("project")
def test_a_number_that_cannot_travel_is_refused_and_never_rounded(call: Command) -> None:
    ended = call("send", "free", "greet", "123456789012345678901234567890")
    assert (ended.code, ended.out) == (1, "")
    assert "64-bit" in ended.err


@pytest.mark.usefixtures("project")
def test_delay_and_time_schedule_a_job(call: Command) -> None:
    delayed = shown(call, call("send", "free", "greet", "--delay", "5m").out.strip())
    assert delayed["state"] == "scheduled"
    at = shown(call, call("send", "free", "greet", "--at", "2030-01-31T13:00:00+01:00").out.strip())
    assert at["due"] == "2030-01-31T12:00:00.000000Z"
    past = shown(call, call("send", "free", "greet", "--at", datetime.now(UTC).isoformat()).out.strip())
    assert past["state"] == "waiting"


@pytest.mark.usefixtures("project")
def test_key_priority_and_id_are_the_senders_choice(call: Command) -> None:
    ended = call("send", "free", "greet", "--key", "acme", "--priority", "high", "--job-id", "mine")
    assert ended.out == "mine\n"
    job = shown(call, "mine")
    assert (job["key"], job["options"]) == ("acme", {"key": "acme", "priority": "high"})
    again = call("send", "free", "other", "--job-id", "mine")
    assert (again.code, again.out) == (0, "mine\n")
    assert "known already" in again.err
    assert shown(call, "mine")["actor"] == "greet"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("mial", "greet"), 'did you mean "mail"'),
        (("mail", "greet", "--kwargs", "{"), "--kwargs: expected a JSON object"),
        (("mail", "greet", "--kwargs", "[1]"), "--kwargs: expected a JSON object"),
        (("mail", "greet", "--kwargs", '{"a": NaN}'), "NaN is no JSON"),
        (("mail", "greet", "--kwargs", "[" * 100_000), "--kwargs: expected a JSON object"),
        (("mail", "greet", "--at", "2030-01-31"), "with its zone"),
        (("mail", "greet", "--at", "2030-01-31T12:00:00"), "with its zone"),
        (("mail", "greet", "--at", "0001-01-01T00:00+14:00"), "with its zone"),
        (("mail", "greet", "--at", "tomorrow"), "--at: expected a time"),
        (("mail", "greet", "--delay", "5"), "--delay: expected a duration with its unit"),
        (("mail", "greet", "--delay", "-5m"), "--delay: expected a duration with its unit"),
        (("mail", "greet", "--delay", "5m", "--at", "2030-01-31T12:00Z"), "one of --delay and --at"),
        (("mail", "greet", "--priority", "hihg"), 'did you mean "high"'),
        (("mail", "greet", "--job-id", ""), "--job-id: expected"),
        (("mail", "greet", "--job-id", "a\x1bb"), "--job-id: expected"),
        (("mail", "greet", "--cost", "dear"), "--cost: expected a number, or a JSON object"),
        (("mail", "greet", "--cost", "0"), "--cost: expected a cost that is a number above 0"),
        (("mail", "greet", "--cost", '{"mial": 2}'), 'found "mial" (did you mean "mail"?)'),
        (("mail", "greet", "--cost", '{"mail": -1}'), "a number of 0 or more, found -1"),
        (("mail", ""), "ACTOR: expected the name of an actor"),
        (("mail", "greet", "--jsonl", "missing.jsonl"), "no such file"),
        (("mail", "greet", "--jsonl", "."), "directory"),
        (("mail", "greet", "1", "--jsonl", "-"), "nothing beside --jsonl"),
        (("mail", "greet", "--kwargs", "{}", "--jsonl", "-"), "nothing beside --jsonl"),
        (("mail",), "missing argument 'ACTOR'"),
        (("mail", "greet", "--wiat"), "no such option"),
    ],
)
def test_a_slip_is_told_in_one_message_and_ends_with_2(
    call: Command, arguments: tuple[str, ...], part: str
) -> None:
    ended = call("send", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert part in ended.err
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err


@pytest.mark.usefixtures("project")
def test_every_flag_has_a_twin_in_the_environment(call: Command) -> None:
    twins = {"WORKSTREAMS_SEND_KEY": "acme", "WORKSTREAMS_SEND_DELAY": "1h"}
    job = shown(call, call("send", "free", "greet", env=twins).out.strip())
    assert (job["key"], job["state"]) == ("acme", "scheduled")
    assert (
        shown(call, call("send", "free", "greet", "--key", "other", env=twins).out.strip())["key"] == "other"
    )


@pytest.mark.usefixtures("project")
def test_a_cost_is_told_with_the_job_and_a_line_of_a_file_may_have_its_own(call: Command) -> None:
    assert shown(call, call("send", "mail", "greet", "--cost", "1.5").out.strip())["cost"] == 1.5
    lines = b'{"args": [], "cost": 2}\n[]\n{"args": [], "cost": "much"}\n'
    ended = call("send", "mail", "greet", "--cost", "0.5", "--jsonl", "-", stdin=lines)
    assert (ended.code, ended.out) == (1, "2 jobs sent, 1 bad line left out\n")
    assert ended.err.startswith("line 3: expected a cost that is a number above 0")
    assert sorted(job["cost"] for job in call("jobs", "mail", "--json").objects()) == [0.5, 1.5, 2.0]


@pytest.mark.usefixtures("project")
def test_a_cost_for_each_limit_travels_to_the_record(call: Command) -> None:
    job = call("send", "mail", "greet", "--cost", '{"mail": 2}').out.strip()
    assert shown(call, job)["cost"] == {"mail": 2.0}


@pytest.mark.usefixtures("project")
def test_each_line_of_a_file_is_one_job(call: Command, tmp_path: Path) -> None:
    lines = [
        '["a", 1]',
        "",
        '{"to": "b"}',
        '{"args": ["c"], "kwargs": {"x": 1}, "key": "acme"}',
        '{"key": "data"}',
    ]
    file = tmp_path / "jobs.jsonl"
    file.write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    ended = call("send", "free", "greet", "--jsonl", "jobs.jsonl", "--key", "mine")
    assert (ended.code, ended.out, ended.err) == (0, "4 jobs sent\n", "")
    sent = call("tail", "free", "--no-follow", "--json").objects()
    jobs = [shown(call, str(line["job"])) for line in sent if line["event"] == "sent"]
    assert [(job["args"], job["kwargs"], job["key"]) for job in jobs] == [
        (["a", 1], {}, "mine"),
        ([], {"to": "b"}, "mine"),
        (["c"], {"x": 1}, "acme"),
        ([], {"key": "data"}, "mine"),
    ]


@pytest.mark.usefixtures("project")
def test_bad_lines_are_told_by_number_and_the_good_ones_are_sent(call: Command) -> None:
    lines = [
        b"[1]",
        b"nope",
        b'{"args": [1], "x": 2}',
        b"5",
        b"\xff\xfe",
        b'["\\ud800"]',
        b'{"args": 1}',
        b"[2",
    ]
    ended = call("send", "free", "greet", "--jsonl", "-", stdin=b"\n".join(lines))
    assert ended.code == 1
    assert ended.out == "1 job sent, 7 bad lines left out\n"
    assert [line.split(":")[0] for line in ended.err.splitlines()] == [f"line {n}" for n in range(2, 9)]


@pytest.mark.usefixtures("project")
def test_more_lines_than_a_batch_are_all_sent_once(call: Command) -> None:
    ended = call("send", "free", "greet", "--jsonl", "-", stdin=b"".join(b"[%d]\n" % n for n in range(600)))
    assert ended.out == "600 jobs sent\n"
    assert call("status", "free", "--json").objects()[0]["waiting"] == 600


@pytest.mark.usefixtures("project")
def test_binary_garbage_is_refused_line_by_line(call: Command) -> None:
    garbage = bytes(range(256)) * 40
    ended = call("send", "free", "greet", "--jsonl", "-", stdin=garbage)
    assert ended.code == 1
    assert ended.out.startswith("0 jobs sent, ")
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err


@pytest.mark.usefixtures("project")
def test_a_line_too_long_to_be_a_job_is_told_and_the_next_one_is_sent(call: Command) -> None:
    endless = b"[" + b"x" * (2 * 2**20) + b"]\n[1]\n"
    ended = call("send", "free", "greet", "--jsonl", "-", stdin=endless)
    assert ended.out == "1 job sent, 1 bad line left out\n"
    assert ended.err.startswith("line 1: expected a line of at most")


def test_a_payload_that_is_too_large_is_a_bad_line(project: Project, call: Command) -> None:
    project.write(
        "config/workstreams.yml",
        (project.folder / "config/workstreams.yml").read_text() + "  small: {max_payload: 300B}\n",
    )
    ended = call("send", "small", "greet", "--jsonl", "-", stdin=b'[1]\n["%s"]\n' % (b"x" * 300))
    assert ended.out == "1 job sent, 1 bad line left out\n"
    assert ended.err.startswith("line 2: expected at most 300 bytes")


def test_a_full_workstream_says_which_lines_are_sent(project: Project, call: Command) -> None:
    project.write(
        "config/workstreams.yml",
        (project.folder / "config/workstreams.yml").read_text() + "  small: {max_waiting: 300}\n",
    )
    ended = call("send", "small", "greet", "--jsonl", "-", stdin=b"[]\n" * 600)
    assert (ended.code, ended.out) == (1, "")
    assert "250 jobs are sent, those of line 251 and after it are not" in ended.err
    assert "found it full" in ended.err
    assert call("status", "small", "--json").objects()[0]["waiting"] == 250


@pytest.mark.usefixtures("project")
def test_after_a_lost_reply_it_says_which_lines_are_in_doubt_and_how_to_look(
    call: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = Scripts.run, []

    def loses_a_reply(self: Scripts, operation: str, header: Any, words: Any = ()) -> Any:
        reply = run(self, operation, header, words)
        if operation == "send" and reply[0] == b"ok":
            calls.append(reply)
            if len(calls) == 2:
                raise redis.ConnectionError("the reply was lost")
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(Scripts, "run", loses_a_reply)
        ended = call("send", "free", "greet", "--jsonl", "-", stdin=b"[]\n" * 600)
    assert (ended.code, ended.out) == (3, "")
    said = ended.err.splitlines()[0]
    assert said.startswith("stopped: 250 jobs are sent, those of lines 251 to 500 may be (look with `")
    assert said.endswith("`), those after line 500 are not")
    look = said.split("`")[1].split()[1:]
    assert call(*look).code == 0


def test_a_server_that_does_not_answer_ends_a_send_with_3_in_time(project: Project, call: Command) -> None:
    silent = BadServer(None)
    try:
        text = (project.folder / "config/workstreams.yml").read_text().splitlines()
        text[1] = f"redis: redis://127.0.0.1:{silent.port}/0"
        project.write("config/workstreams.yml", "\n".join(text))
        begun = datetime.now(UTC)
        ended = call("send", "free", "greet", "--jsonl", "-", stdin=b"[1]\n")
    finally:
        silent.close()
    assert (datetime.now(UTC) - begun).total_seconds() < 4
    assert ended.code == 3
    # It was asked something before: no job can be there.
    assert "to answer in time, found no answer" in ended.err
    assert "may be" not in ended.err
