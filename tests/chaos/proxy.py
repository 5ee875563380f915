"""What stands between the fleet and Redis, a process of its own: it passes bytes on, until it is told not to.

``python -m tests.chaos.proxy SOCKET SEED`` prints its port and obeys one order a line:

==================  ==================================================================
cut SHARE           break that share of the connections off
drop SHARE          let the next request of each pass, lose the reply, break it off
delay MS SECONDS    pass everything on so much later, for so long
hang SHARE SECONDS  pass nothing on, then break it off: nobody is told for so long
heal                no delay, nothing is dropped any longer, what hangs is broken off
==================  ==================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time

__all__ = ["main"]

CHUNK = 1 << 16


class _Pair:
    """One client's connection, and its counterpart to the server."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.drops = False
        self.asked = False
        self.free = asyncio.Event()
        self.free.set()

    def cut(self) -> None:
        """Break both off, with a reset rather than an orderly end."""
        for writer in (self.near, self.far):
            writer.transport.abort()


class _Proxy:
    def __init__(self, socket: str, seed: int) -> None:
        self._socket = socket
        self._random = random.Random(seed)
        self._pairs: set[_Pair] = set()
        self._delay, self._delayed_until = 0.0, 0.0

    async def meet(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        """Serve one client to its end."""
        try:
            far_reader, far = await asyncio.open_unix_connection(self._socket)
        except OSError:
            # The server is down: the client is refused, if a moment later than by the server itself.
            near.transport.abort()
            return
        pair = _Pair(near, far)
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pass_on(reader, far, pair, True), self._pass_on(far_reader, near, pair, False)
            )
        finally:
            self._pairs.discard(pair)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair, asks: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if time.monotonic() < self._delayed_until:
                    await asyncio.sleep(self._delay)  # the fault that was ordered
                await pair.free.wait()
                if pair.drops and not asks and pair.asked:
                    break
                pair.asked = pair.asked or (pair.drops and asks)
                writer.write(data)
                await writer.drain()
        pair.cut()

    def obey(self, order: str) -> None:
        """Carry one order out."""
        match order.split():
            case ["cut", share]:
                for pair in self._some(share):
                    pair.cut()
            case ["drop", share]:
                for pair in self._some(share):
                    pair.drops, pair.asked = True, False
            case ["delay", milliseconds, seconds]:
                self._delay = float(milliseconds) / 1000
                self._delayed_until = time.monotonic() + float(seconds)
            case ["hang", share, seconds]:
                for pair in self._some(share):
                    pair.free.clear()
                    asyncio.get_running_loop().call_later(float(seconds), self._end_hang, pair)
            case ["heal"]:
                self._heal()

    def _heal(self) -> None:
        self._delayed_until = 0.0
        for pair in list(self._pairs):
            pair.drops = False
            if not pair.free.is_set():
                self._end_hang(pair)

    def _end_hang(self, pair: _Pair) -> None:
        pair.cut()
        pair.free.set()

    def _some(self, share: str) -> list[_Pair]:
        pairs = list(self._pairs)
        return self._random.sample(pairs, round(len(pairs) * float(share))) if pairs else []


async def _serve(socket: str, seed: int) -> None:
    proxy = _Proxy(socket, seed)
    server = await asyncio.start_server(proxy.meet, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the answer to whoever started it
    loop = asyncio.get_running_loop()
    while order := await loop.run_in_executor(None, sys.stdin.readline):
        proxy.obey(order)
        print("done", flush=True)  # noqa: T201 - the answer to whoever gave the order
    # Connections that are still open are of no interest any more.
    os._exit(0)


def main() -> None:
    """Serve until the input ends."""
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
