"""The server that jobs call, a process of its own: it notes every arrival by its own clock.

``python -m tests.chaos.receiver FILE`` prints its port and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import sys

from tests.chaos.notes import Notes, now_us

__all__ = ["main"]

_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


async def _serve(path: str) -> None:
    notes = Notes(path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            at = now_us()
            _, target, _ = head.decode("ascii", "replace").split(" ", 2)
            _, job, delivery = target.split("/")
            notes.write("arrival", job, delivery, at)
            writer.write(_ANSWER)
            await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever called was killed meanwhile.
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - the answer to whoever started it
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve until the input ends."""
    asyncio.run(_serve(sys.argv[1]))


if __name__ == "__main__":
    main()
