"""From a file to a config, whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.declare.config.conftest import Build, Refused
from workstreams.declare.config import RateLimit, load_config
from workstreams.errors import ConfigError

SURFACE = """
app: shop
version: ${DEPLOY_VERSION:-0}
redis: ${REDIS_URL:-embedded}
import: [shop.jobs]
path: [..]
state_dir: ../.workstreams
defaults: {threads: 8, timeout: 10m}
limits:
  twilio-account: {rate: [20/s, 10000/h], concurrency: 50}
workstreams:
  mail: 5
  twilio:
    rate: 10/s
    burst: 1
    margin: 10ms
    concurrency: 10
    threads: 8
    within: [twilio-account]
    per_key: {rate: 2/s, concurrency: 1, weights: {gold: 5}}
    on_rate_limited: {back_off: 0.7, recover: 1m, min: 1/s}
    retries: {max: 20, min_backoff: 1s, max_backoff: 1h, jitter: 0.2}
    timeout: 10m
    max_waiting: 1000000
    max_payload: 256KiB
    keep: {done: {age: 1h, count: 10000}, dead: {age: 30d, count: 100000}, logs: {age: 7d, size: 64MiB}}
    read_ahead: 0
    pool: main
    paused: false
schedules:
  nightly-report:
    actor: build_report
    workstream: mail
    cron: "0 3 * * mon-fri"
    timezone: Europe/Berlin
    args: []
    kwargs: {}
    catch_up: latest
    catch_up_window: 6h
    overlap: skip
    jitter: 30s
    enabled: true
worker:
  {pools: {main: {processes: 2}}, lease: 15s, grace: 30s, max_deliveries: 3,
   recycle: {jobs: 100000, memory: 1GiB}}
logs: {level: info, format: auto, redact: [password, token, secret, authorization, api_key]}
web: {host: 127.0.0.1, port: 8642, token: "${WORKSTREAMS_TOKEN:-}"}
"""


@pytest.mark.usefixtures("everything_held")
def test_everything_that_is_documented_is_read(load: Build) -> None:
    config = load(SURFACE, {"DEPLOY_VERSION": "12"})
    twilio = config.workstream("twilio")
    assert (config.app, config.version, config.redis, config.imports) == (
        "shop",
        "12",
        "embedded",
        ("shop.jobs",),
    )
    assert twilio.rates == (RateLimit(10, 1_000_000, 1, 10_000),)
    assert (twilio.within, twilio.concurrency) == (("twilio-account",), 10)
    assert config.schedules["nightly-report"].jitter == 30_000_000
    assert config.worker.recycle.memory == 2**30


def test_every_problem_is_told_at_once_in_the_order_of_the_file(refused: Refused) -> None:
    problems = refused(
        """
        app: 5
        wrong: 1
        limits: {a: {rate: 0/s}}
        workstreams:
          a: 5
          mail: {concurrency: -1, within: nowhere, timeout: 30}
          mail: 5
          sms: !object x
        logs: {level: ${LEVEL}}
        """.replace("{level: ${LEVEL}}", '{level: "${LEVEL}"}')
    )
    assert [problem.line for problem in problems] == [2, 3, 4, 6, 7, 7, 7, 8, 9, 10]
    assert len({str(problem) for problem in problems}) == len(problems)


def test_the_error_reads_as_one_line_a_problem(load: Build, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load("app: 5\nlogs: {level: loud}\n")
    file = tmp_path / "workstreams.yml"
    assert str(caught.value).splitlines() == [
        f"{file}:1: app: expected the name of the app: a letter or _, then letters, digits and . _ -, "
        "at most 100, found 5 (put it in quotes)",
        f'{file}:2: logs.level: expected debug, info, warning, error or critical, found "loud"',
    ]


def _is_config_or_problems(file: Path) -> bool:
    try:
        config = load_config(file, environ={})
    except ConfigError as error:
        return bool(error.problems)
    return config.files == (file,)


_LINES = st.sampled_from(SURFACE.splitlines())
_CUT = st.tuples(_LINES, st.integers(0, 40), st.text(max_size=2)).map(
    lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 1 :]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(), st.lists(st.one_of(_LINES, _CUT), max_size=12).map("\n".join)))
def test_any_text_is_a_config_or_a_config_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "any.yml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert _is_config_or_problems(file)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary())
def test_any_bytes_are_a_config_or_a_config_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "any.yml"
    file.write_bytes(content)
    assert _is_config_or_problems(file)
