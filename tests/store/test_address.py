from __future__ import annotations

import pytest

from workstreams.errors import ConfigError
from workstreams.store.address import address, sentinel_address, server_options

SECRETS = [
    "redis://user:s3cret@host:6379/1",
    "redis://:s3cret@host",
    "redis://:s3cret/s3cret@host/0",
    "redis://:s3cret?s3cret@host",
    "redis://:s3cret@s3cret?s3cret@host",
    "redis://:s3cret#s3cret@host",
    "redis://host?password=s3cret",
    "redis://host?password=s3cret@s3cret",
    "unix://user:s3cret@/run/redis.sock",
    "unix:///run/redis.sock?password=s3cret",
    "redis+sentinel://:s3cret@a:1,b:2/main/0",
    "redis+cluster://:s3cret@a:1",
    "s3cret",
]


@pytest.mark.parametrize("url", SECRETS)
def test_an_address_never_shows_a_password(url: str) -> None:
    assert "s3cret" not in address(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret/s3cret@host/0",
        "redis://host:6379?password=s3cret&db=x",
        "redis://:s3cret@host/jobs",
        "redis://:s3cret@host?timeout=1",
        "unix://user:s3cret@run/redis.sock",
        "redis+cluster://:s3cret@host",
        "redis+sentinel://:s3cret@host",
    ],
)
def test_no_complaint_about_a_url_shows_its_password(url: str) -> None:
    read = sentinel_address if "sentinel" in url else server_options
    with pytest.raises(ConfigError) as caught:
        read(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_an_address_keeps_host_port_and_database() -> None:
    assert address("rediss://u:p@host:6380/2?ssl_cert_reqs=none") == "rediss://host:6380/2"
    assert address("unix:///a@b/redis.sock?db=3") == "unix:///a@b/redis.sock"


def test_the_parts_of_a_url_become_options_of_the_connection() -> None:
    options = server_options("redis://u:p%40ss@host:6380/2?client_name=me")
    assert options == {
        "host": "host",
        "port": 6380,
        "db": 2,
        "username": "u",
        "password": "p@ss",
        "client_name": "me",
    }
    assert server_options("unix:///run/r.sock?db=4")["db"] == 4
    assert "connection_class" in server_options("rediss://host")


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://host", "begins with redis://"),
        ("embeded", "begins with redis://"),
        ("redis://host/jobs", "number of a database"),
        ("redis://host:port/0", "a host, a port"),
        ("redis://host?db=x", "a host, a port"),
        ("redis://host?socket_timeout=60", "remove socket_timeout"),
        ("redis://host?decode_responses=true", "remove decode_responses"),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("redis+cluster://host:7000", "this version does not speak to a Cluster"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_way_out(url: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        server_options(url)
    assert part in str(caught.value)
    assert str(caught.value).startswith("redis: expected ")


def test_a_sentinel_url_names_the_sentinels_the_service_and_the_database() -> None:
    found = sentinel_address("redis+sentinel://me:p%2Fw@a:26380,b/main/5")
    assert found.hosts == (("a", 26380), ("b", 26379))
    assert found.service == "main"
    assert found.options == {"db": 5, "username": "me", "password": "p/w"}


@pytest.mark.parametrize(
    "url", ["redis+sentinel://a:1", "redis+sentinel://a:x/main", "redis+sentinel:///main"]
)
def test_a_sentinel_url_without_its_parts_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="host1:port,host2:port"):
        sentinel_address(url)
