"""Logging of a worker process, from the call to the line; structlog's and the standard library's."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog

from workstreams.log.compose import MAX_EXCEPTION
from workstreams.log.handler import LineHandler
from workstreams.log.lines import FIELDS, microseconds, now_us
from workstreams.log.redact import REDACTED
from workstreams.log.setup import configure_logging, get_logger
from workstreams.run import context

JOB = {"workstream": "mail", "job": "j1", "actor": "send_sms", "attempt": 1, "key": "acme"}

Lines = list[dict[str, Any]]


@pytest.fixture
def process() -> Iterator[None]:
    """Puts the logging of this process back as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def lines(process: None) -> Lines:
    """What a worker's sink received; a job is running."""
    received: Lines = []
    identity = {"app": "shop", "worker": "host:1"}
    configure_logging(received.append, "info", ["password"], identity=identity, fields=lambda: JOB)
    return received


def test_a_line_carries_its_job_by_itself_and_the_fields_in_their_order(lines: Lines) -> None:
    before = now_us()
    get_logger().info("sending", to="x")
    (line,) = lines
    assert tuple(line) == (*FIELDS, "to")
    assert {name: line[name] for name in JOB} == JOB
    assert (line["event"], line["level"], line["app"], line["worker"]) == (
        "sending",
        "info",
        "shop",
        "host:1",
    )
    assert before <= microseconds(line["ts"]) <= now_us()


def test_without_fields_given_the_running_job_is_asked(process: None) -> None:
    received: Lines = []
    configure_logging(received.append)
    get_logger().info("outside")
    job = context.CurrentJob("j7", "mail", "send", 2, 1, "", "host:1", print)
    context.bind(lambda: job)
    try:
        get_logger().info("inside")
    finally:
        context.unbind()
    assert "job" not in received[0]
    assert (received[1]["job"], received[1]["attempt"]) == ("j7", 2)


def test_no_field_of_a_user_hides_one_of_the_system(lines: Lines) -> None:
    clash: dict[str, Any] = dict.fromkeys(FIELDS, "mine") | {"method_name": 1, "self": 2}
    get_logger().info("said", **clash)
    (line,) = lines
    assert (line["event"], line["job"], line["level"]) == ("said", "j1", "info")
    assert all(line[f"{name}_"] == "mine" for name in FIELDS)
    assert (line["method_name_"], line["self_"]) == (1, 2)


def test_bound_fields_and_context_variables_come_along(lines: Lines) -> None:
    structlog.contextvars.bind_contextvars(request="r1")
    get_logger(tenant="t").bind(event="mine", job="mine").info("said")
    (line,) = lines
    assert (line["request"], line["tenant"], line["event"]) == ("r1", "t", "said")
    assert (line["event_"], line["job_"], line["job"]) == ("mine", "mine", "j1")


@pytest.mark.parametrize(
    ("args", "event"),
    [
        (("100%",), "100%"),
        (("%s of %s", 1, 2), "1 of 2"),
        (("%(a)s", {"a": 1}), "1"),
        (("%d left", "no"), "%d left ['no']"),
        (("none", 1), "none [1]"),
        ((7,), "7"),
        ((None,), ""),
        ((["a"],), "['a']"),
        ((), ""),
        (("\x1b[2J\n",), "\x1b[2J\n"),
    ],
)
def test_the_text_of_an_event_may_be_anything(lines: Lines, args: tuple[Any, ...], event: str) -> None:
    get_logger().warning(*args)
    assert (lines[0]["event"], lines[0]["level"]) == (event, "warning")


def test_an_event_may_be_given_by_its_name(lines: Lines) -> None:
    get_logger().info(event="said", to="x")
    assert (lines[0]["event"], lines[0]["to"]) == ("said", "x")


def test_lines_below_the_level_are_dropped(lines: Lines) -> None:
    log = get_logger()
    log.debug("quiet")
    log.log(10, "quiet")
    logging.getLogger("lib").debug("quiet")
    log.log(35, "loud")
    asyncio.run(log.ainfo("async", to="x"))
    assert [(line["event"], line["level"]) for line in lines] == [("loud", "warning"), ("async", "info")]


def test_an_exception_is_a_field_of_text(lines: Lines) -> None:
    try:
        raise ValueError("wrong number")
    except ValueError as error:
        get_logger().exception("failed")
        get_logger().error("failed", exc_info=error)
        logging.getLogger("lib").exception("failed %s", "again")
    for line in lines:
        assert line["level"] == "error"
        assert line["exception"].endswith("ValueError: wrong number")
        assert "test_setup.py" in line["exception"]
    assert lines[2]["event"] == "failed again"


def test_a_long_exception_keeps_its_beginning_and_its_end(lines: Lines) -> None:
    get_logger().error("failed", exc_info=ValueError("x" * 100_000 + "the end"))
    assert len(lines[0]["exception"]) < MAX_EXCEPTION + 100
    assert lines[0]["exception"].startswith("ValueError: xxx")
    assert lines[0]["exception"].endswith("the end")


def test_outside_an_exception_there_is_none(lines: Lines) -> None:
    get_logger().error("failed", exc_info=True)
    get_logger().info("said", exception="mine")
    assert "exception" not in lines[0]
    assert lines[1]["exception"] == "mine"


def test_secrets_are_redacted_and_strange_values_written_as_text(lines: Lines) -> None:
    get_logger().info("said", db_password="x", nested={"password": "x", "to": b"y"}, odd=object)
    assert lines[0]["db_password"] == REDACTED
    assert lines[0]["nested"] == {"password": REDACTED, "to": "b'y'"}
    assert lines[0]["odd"] == "<class 'object'>"


def test_records_of_the_standard_library_are_the_same_lines(lines: Lines) -> None:
    logging.getLogger("dramatiq.worker").warning("%s is late", "it", extra={"queue": "q", "job": "mine"})
    (line,) = lines
    assert (line["event"], line["level"], line["logger"], line["queue"]) == (
        "it is late", "warning", "dramatiq.worker", "q",
    )  # fmt: skip  # a value a line hides which are equal
    assert (line["job"], line["job_"]) == ("j1", "mine")


def test_a_record_that_cannot_be_formatted_is_shown_with_its_arguments(lines: Lines) -> None:
    (handler,) = [found for found in logging.getLogger().handlers if isinstance(found, LineHandler)]
    handler.handle(logging.LogRecord("lib", 20, "lib.py", 1, "%d left", ("no",), None))
    handler.handle(logging.LogRecord("lib", 99, "lib.py", 1, {"a": 1}, None, None))
    assert lines[0]["event"] == "%d left ('no',)"
    assert (lines[1]["event"], lines[1]["level"]) == ("{'a': 1}", "critical")


def test_the_name_of_a_logger_and_a_stack_are_fields(lines: Lines) -> None:
    get_logger("shop.mail").info("said", stack_info=True)
    assert lines[0]["logger"] == "shop.mail"
    assert "test_the_name_of_a_logger" in lines[0]["stack"]


def test_handlers_on_the_console_go_and_others_stay(process: None, tmp_path: Any) -> None:
    root = logging.getLogger()
    console, file = logging.StreamHandler(sys.stderr), logging.FileHandler(tmp_path / "own.log")
    root.addHandler(console)
    root.addHandler(file)
    received: Lines = []
    configure_logging(received.append)
    configure_logging(received.append)
    logging.getLogger("lib").warning("once")
    file.close()
    assert console not in root.handlers
    assert "once" in (tmp_path / "own.log").read_text()
    assert [line["event"] for line in received] == ["once"]


def test_an_unknown_level_is_refused(process: None) -> None:
    with pytest.raises(KeyError):
        configure_logging(print, "loud")


def test_without_configuration_it_follows_the_programs_own() -> None:
    code = """
import structlog, sys
from workstreams.log import get_logger
before = get_logger(a=1)
structlog.configure(processors=[structlog.processors.JSONRenderer()])
before.info("said", b=2)
import logging
assert logging.getLogger().handlers == []
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert orjson.loads(done.stdout) == {"a": 1, "b": 2, "event": "said"}
