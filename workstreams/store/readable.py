"""Says in one sentence that what stands on a server is not ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from redis.exceptions import ResponseError

from workstreams.errors import RedisUnsuitable
from workstreams.store.address import address
from workstreams.store.failures import redis_errors
from workstreams.store.link import Link

__all__ = ["readable"]


@contextlib.contextmanager
def readable(link: Link) -> Iterator[None]:
    """Turn failures of a call into errors of ours.

    Raises:
      RedisUnavailable: When the server cannot be asked.
      RedisUnsuitable: When something else than our data stands under the app's keys.
    """
    try:
        with redis_errors(link.url):
            yield
    except ResponseError as error:
        raise RedisUnsuitable(
            f'expected data of workstreams under "{link.keys.root}" in {address(link.url)}, found something '
            f"else ({error}): if another program writes there, give this app another name with app:"
        ) from error
