"""Says in one sentence why a server could not be used."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.sentinel import MasterNotFoundError

from workstreams.errors import RedisUnavailable
from workstreams.store.address import address

__all__ = ["redis_errors"]

#: Kinds of error → the sentence; the first that fits, so the general ones are last.
_SENTENCES: tuple[tuple[tuple[type[redis.RedisError], ...], str], ...] = (
    (
        (AuthenticationError, AuthorizationError, AuthenticationWrongNumberOfArgsError),
        "expected {at} to accept the user and the password, found them refused: correct them in `redis:`",
    ),
    (
        (NoPermissionError,),
        "expected {at} to allow what workstreams does, found its user without permission: "
        "give it more with ACL SETUSER, or set another user in `redis:`",
    ),
    (
        (BusyLoadingError,),
        "expected {at} to be ready, found it still loading its data: wait until it has, then try again",
    ),
    (
        (ReadOnlyError,),
        "expected {at} to be a primary, found a replica that only reads: point `redis:` at the primary, "
        "or at its Sentinels with redis+sentinel://",
    ),
    (
        (OutOfMemoryError,),
        "expected {at} to have room for another write, found its maxmemory reached: "
        "raise maxmemory, or keep less (`keep:`)",
    ),
    (
        (ClusterDownError, TryAgainError),
        "expected {at} to be in service, found its cluster or its primary down: "
        "wait for the fail-over, or repair it",
    ),
    (
        (AskError,),
        "expected {at} to hold all keys, found one node of a Cluster: set `redis:` to a single server, "
        "because this version does not speak to a Cluster",
    ),
    (
        (InvalidResponse,),
        "expected {at} to speak the Redis protocol, found something else: "
        "correct the host and the port in `redis:`",
    ),
    (
        (redis.TimeoutError,),
        "expected {at} to answer in time, found no answer: "
        "look at its load and at the network, then try again",
    ),
    (
        # Its own words are a page of connection settings.
        (MasterNotFoundError,),
        "expected a primary from {at}, found no Sentinel that answers and knows one: "
        "start them, or correct their addresses and the service's name in `redis:`",
    ),
    (
        (redis.ConnectionError,),
        "expected to reach {at}, found {reason}: start it, or correct `redis:`",
    ),
)

#: Refusals that redis-py has no class for, by the server's code for them.
_CODES = {
    "MISCONF": "expected {at} to save what it is sent, found that its disk refuses: "
    "make room on it, then try again",
    "NOREPLICAS": "expected {at} to have its replicas, found too few of them: bring them back",
    "BUSY": "expected {at} to be free, found it busy with a function: "
    "wait for it, or stop it with FUNCTION KILL",
    "DENIED": "expected {at} to let this host in, found it in protected mode: "
    "give it a password, or bind it to localhost",
}

#: Said of a server, or of a user there, that may not have our operations.
_FORBIDDEN = (
    "expected {at} to let workstreams load its functions and call them, found FUNCTION or FCALL forbidden: "
    "allow them with ACL SETUSER <user> +function +fcall, or use a server that has them"
)

# The user's rights, or a server whose commands were renamed.
_FUNCTIONS = re.compile(
    r"no permissions to run the '(?:function|fcall)|unknown command '(?:FUNCTION|FCALL)", re.I
)

# A pipeline puts the command before the code.
_CODE = re.compile(rf"(?:^|caused error: )({'|'.join(_CODES)})\b")


@contextlib.contextmanager
def redis_errors(url: str = "") -> Iterator[None]:
    """Turn failures of the server or of the way to it into one sentence.

    Errors of a script, of a command or of its arguments are ours, and pass unchanged; so
    does the answer to a function that is not there, which is answered by loading it.

    Parameters:
      url: The server, for the sentence; its password is left out.

    Raises:
      RedisUnavailable: In place of a redis-py error.
    """
    try:
        yield
    except redis.RedisError as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        raise RedisUnavailable(sentence.format(at=_at(url), reason=_reason(error))) from error


def _at(url: str) -> str:
    where = address(url)
    return where if where == "Redis" else f"Redis at {where}"


def _sentence(error: redis.RedisError) -> str | None:
    if isinstance(error, redis.ResponseError) and _FUNCTIONS.search(str(error)):
        return _FORBIDDEN
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds):
            return sentence
    code = _CODE.search(str(error)) if isinstance(error, redis.ResponseError) else None
    return _CODES[code[1]] if code else None


def _reason(error: redis.RedisError) -> str:
    return str(error).strip().rstrip(".").replace(". ", ", ") or "the connection lost"
