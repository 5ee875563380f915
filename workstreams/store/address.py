"""Reads the URL of a Redis server, and writes it without its secrets."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.connection import parse_url

from workstreams.errors import ConfigError, Problem

__all__ = ["SentinelAddress", "address", "sentinel_address", "server_options"]

_SENTINEL = re.compile(
    r"redis\+sentinel://(?:(?P<username>[^:@/]*):(?P<password>[^@/]*)@)?"
    r"(?P<hosts>[^@/?]+)/(?P<service>[^/?]+)(?:/(?P<db>\d+))?"
)
_SENTINEL_PORT = "26379"


@dataclasses.dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Where to ask for a primary.

    Attributes:
      hosts: The Sentinels, as host and port.
      service: The name they know the primary by.
      options: Database, user and password of the primary, for a connection.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    options: dict[str, Any]


def address(url: str) -> str:
    """The URL without user, password and options, fit for a message.

    It must hold for broken URLs as well, such as one whose password has an unescaped slash.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "Redis"
    place, _, options = rest.partition("?")
    if "@" in options:
        return f"{scheme}://…"
    if not rest.startswith("/"):
        place = place.rpartition("@")[2]
    return f"{scheme}://{place}"


def server_options(url: str) -> dict[str, Any]:
    """What a connection to a single server needs to know.

    Parameters:
      url: ``redis://``, ``rediss://`` or ``unix://``.

    Returns:
      Arguments of a redis-py connection pool: host and port or path, database, user, password, TLS.

    Raises:
      ConfigError: When it is another kind of URL, or asks for what only we set.
    """
    if url.startswith("redis+cluster://"):
        raise _refusal(url, "a single server or its Sentinels", "this version does not speak to a Cluster")
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise _refusal(url, "a URL that begins with redis://, rediss://, unix:// or redis+sentinel://")
    try:
        parts = urlsplit(url)
        options = cast("dict[str, Any]", parse_url(url))  # type: ignore[no-untyped-call]  # redis-py's is untyped
    except ValueError:
        # The reason would quote what stands in place of the port, which may be half a password.
        hint = "escape special characters of the password"
        raise _refusal(url, "a host, a port and a database", hint) from None
    _check_place(url, parts.scheme, parts.netloc.rpartition("@")[2], parts.path)
    unknown = sorted(key for key, _ in parse_qsl(parts.query) if not _may_be_set(key))
    if unknown:
        allowed = "only db, username, password, client_name and ssl_… as options"
        raise _refusal(url, allowed, f"remove {unknown[0]}")
    return options


def sentinel_address(url: str) -> SentinelAddress:
    """Read ``redis+sentinel://[user:password@]host1:port,host2:port/service[/db]``.

    Raises:
      ConfigError: When it is not written like that.
    """
    match = _SENTINEL.fullmatch(url)
    if match is None:
        raise _refusal(url, "redis+sentinel://host1:port,host2:port/service/db")
    options: dict[str, Any] = {"db": int(match["db"] or 0)}
    options |= {key: unquote(match[key]) for key in ("username", "password") if match[key]}
    hosts = tuple(_host(item, url) for item in match["hosts"].split(","))
    return SentinelAddress(hosts, match["service"], options)


def _host(item: str, url: str) -> tuple[str, int]:
    host, mark, port = item.rpartition(":")
    host, port = (host, port) if mark else (item, _SENTINEL_PORT)
    if not host or not port.isdigit():
        raise _refusal(url, "Sentinels as host1:port,host2:port")
    return host.strip("[]"), int(port)


def _check_place(url: str, scheme: str, host: str, path: str) -> None:
    if scheme == "unix" and (host or not path):
        raise _refusal(url, "an absolute path after unix://", "write three slashes")
    # redis-py would take database 0 in silence.
    if scheme != "unix" and not re.fullmatch(r"/?|/\d+", path):
        raise _refusal(url, "the number of a database after the host")


def _may_be_set(option: str) -> bool:
    # Timeouts, retries and decoding are promises of the clients.
    return option in ("db", "username", "password", "client_name") or option.startswith("ssl_")


def _refusal(url: str, expected: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(expected=expected, found=address(url), path="redis", hint=hint)])
