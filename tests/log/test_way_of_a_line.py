"""The whole way of a line: a job's call, the pipe, the supervisor, Redis, and whoever follows."""

from __future__ import annotations

import os
import subprocess
import sys

import redis

from tests.log.servers import KEYS, Server, write_event
from workstreams.log.follow import follow
from workstreams.log.frames import FrameReader
from workstreams.log.history import lines_of_job
from workstreams.log.lines import now_us
from workstreams.log.ship import Shipper

CHILD = """
import os, signal, sys, logging
from workstreams.log import PipeWriter, configure_logging, get_logger
from workstreams.run import context
writer = PipeWriter(int(sys.argv[1]))
configure_logging(writer.line, "info", ["token"], identity={"app": "shop", "worker": "host:1"})
context.bind(lambda: context.CurrentJob("j1", "mail", "send_sms", 1, 1, "acme", "host:1", print))
get_logger().info("sending", to="x", token="hunter2")
logging.getLogger("carrier").warning("slow")
try:
    raise OSError("no route")
except OSError:
    get_logger().exception("refused")
os.kill(os.getpid(), signal.SIGKILL)
"""


def run_child() -> list[dict[str, object]]:
    read_end, write_end = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(write_end)], pass_fds=[write_end])
    os.close(write_end)
    frames, reader = [], FrameReader()
    while data := os.read(read_end, 65536):
        frames += reader.feed(data)
    os.close(read_end)
    assert child.wait() < 0
    return frames


def test_what_a_job_logged_before_its_process_was_killed_is_followed_with_its_events(
    server: Server, client: redis.Redis
) -> None:
    write_event(client, "mail", "started", "j1", now_us())
    shipper = Shipper(server.client(), KEYS, {})
    for frame in run_child():
        assert isinstance(frame["o"], dict)
        shipper.put(str(frame["ws"]), str(frame["j"]), frame["o"])
    assert shipper.close(5.0) == 0
    write_event(client, "mail", "reaped", "j1", now_us())
    lines = [line.values for line in follow(client, KEYS, ["mail"], job="j1", follow=False)]
    assert [line["event"] for line in lines] == ["started", "sending", "slow", "refused", "reaped"]
    assert all((line["app"], line["workstream"], line["job"]) == ("shop", "mail", "j1") for line in lines)
    assert (lines[1]["key"], lines[1]["worker"], lines[1]["token"]) == ("acme", "host:1", "[redacted]")
    assert lines[2]["logger"] == "carrier"
    assert str(lines[3]["exception"]).endswith("OSError: no route")
    assert lines_of_job(client, KEYS, "mail", "j1") == lines
