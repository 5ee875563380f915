from pathlib import Path

import pytest

from tests.support import config_of
from workstreams.declare.config import Config
from workstreams.errors import ConfigError, UnknownWorkstream
from workstreams.supervisor.orders import Crew, Orders


@pytest.fixture
def config(tmp_path: Path) -> Config:
    workstreams = {"mail": None, "sms": None, "video": {"pool": "cpu"}}
    pools = {"main": {"processes": 2}, "cpu": {"processes": 4}}
    return config_of("t", "embedded", tmp_path, workstreams, worker={"pools": pools})


def test_every_pool_has_its_own_processes(config: Config) -> None:
    assert set(Orders().crews(config)) == {
        Crew("main", ("mail", "sms"), 2),
        Crew("cpu", ("video",), 4),
    }


def test_a_pool_without_work_has_no_process(config: Config) -> None:
    assert Orders(only=("sms",)).crews(config) == (Crew("main", ("sms",), 2),)


def test_a_flag_wins_over_the_config_for_the_number_of_processes(config: Config) -> None:
    assert Orders(pools=("cpu",), processes=1).crews(config) == (Crew("cpu", ("video",), 1),)


def test_an_unknown_workstream_is_refused_with_the_nearest_name(config: Config) -> None:
    with pytest.raises(UnknownWorkstream, match='did you mean "mail"'):
        Orders(only=("mial",)).crews(config)


def test_nothing_to_work_on_is_an_error_and_no_quiet_wait(config: Config) -> None:
    with pytest.raises(ConfigError, match="at least one workstream to work on"):
        Orders(pools=("cpu",), only=("mail",)).crews(config)
