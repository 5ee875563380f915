"""What is declared, in the fields that the scripts read."""

from __future__ import annotations

import pytest

from tests.conftest import MakeConfig
from workstreams.declare.config import Workstream
from workstreams.declare.publishing import limit_fields, workstream_fields


@pytest.fixture
def api(make_config: MakeConfig) -> Workstream:
    config = make_config(
        api={
            "rate": ["20/s", {"rate": "10000/h", "burst": 50}],
            "margin": "5ms",
            "concurrency": 3,
            "per_key": {"rate": "2/s", "burst": 1, "concurrency": 1, "weights": {"gold": 5, "free": 0.5}},
            "on_rate_limited": {"back_off": 0.5, "recover": "30s", "min": "30/m"},
        }
    )
    return config.workstream("api")


@pytest.fixture
def plain(make_config: MakeConfig) -> Workstream:
    return make_config(plain=None).workstream("plain")


def test_rates_are_written_with_their_times_in_microseconds(api: Workstream) -> None:
    fields = limit_fields(api, shared=False)
    assert fields["rates"] == "20:1000000:5000:0;10000:3600000000:5000:50"
    assert (fields["concurrency"], fields["shared"]) == ("3", "0")


def test_what_a_refusal_does_is_written_for_the_shortest_rate(api: Workstream) -> None:
    assert limit_fields(api, shared=False)["ease"] == "0.5:30000000:0.5"


def test_the_least_number_is_written_without_an_exponent(make_config: MakeConfig) -> None:
    easing = {"back_off": 0.00001, "min": "1/7d"}
    limit = make_config(limits={"a": {"rate": "20/s", "on_rate_limited": easing}}).limits["a"]
    assert limit_fields(limit, shared=True)["ease"] == "0.00001:60000000:0.000001653"


def test_what_holds_for_each_key_is_written_with_the_weights(api: Workstream) -> None:
    fields = workstream_fields(api, 0)
    assert (fields["key_rates"], fields["key_concurrency"]) == ("2:1000000:10000:1", "1")
    assert fields["weights"] == '{"gold":5.0,"free":0.5}'


def test_what_is_not_declared_is_written_as_nothing(plain: Workstream) -> None:
    limit, fields = limit_fields(plain, shared=False), workstream_fields(plain, 0)
    assert (limit["rates"], limit["concurrency"], limit["ease"]) == ("", "", "")
    assert (fields["key_rates"], fields["key_concurrency"], fields["weights"]) == ("", "", "")


@pytest.mark.parametrize(("size", "bytes_"), [("1KiB", 250 * 2**10), ("1MiB", 2**20), ("64MiB", 64 * 2**20)])
def test_a_log_has_the_size_that_was_declared_and_250_kib_at_least(
    make_config: MakeConfig, size: str, bytes_: int
) -> None:
    mail = make_config(mail={"keep": {"logs": {"size": size}}}).workstream("mail")
    assert workstream_fields(mail, 0)["log_size"] == str(bytes_)
