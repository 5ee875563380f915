"""Which workstream every actor of a config has, asked of a process that ends again.

A supervisor and a scheduler import nothing of the user's: what hangs or crashes there would take
leases and ticks along. ``python -m workstreams.supervisor.actors`` is the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Mapping

import orjson

from workstreams.app import configure
from workstreams.declare.config.source_spec import ConfigSource
from workstreams.declare.references import check_actors, import_actors
from workstreams.errors import ConfigError, WorkstreamsError

__all__ = ["actors_of", "main"]

_VARIABLE = "WORKSTREAMS_ACTORS_OF"

#: Seconds in which all modules have to be imported.
_PATIENCE = 60


def actors_of(source: ConfigSource) -> dict[str, str]:
    """Actor → workstream.

    Parameters:
      source: Where the config is.

    Raises:
      ConfigError: When a module cannot be imported, or names a workstream that is not declared.
    """
    orders = orjson.dumps({"path": source.path, "overrides": dict(source.overrides)})
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "workstreams.supervisor.actors"],
            env={**os.environ, _VARIABLE: orders.decode()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError.said_by(
            f"expected the modules under import: to be imported within {_PATIENCE} s, found them still at it"
        ) from None
    return _read(ended.stdout, ended.returncode)


def _read(answer: bytes, code: int) -> dict[str, str]:
    found = orjson.loads(answer or b"{}")
    if "actors" not in found:
        why = found.get("error") or f"a process that imports the modules ended with {code}"
        raise ConfigError.said_by(why)
    return dict(found["actors"])


def _answer(source: ConfigSource) -> Mapping[str, object]:
    try:
        config = source.load()
        broker = configure(config)
        import_actors(config)
        actors = {name: actor.queue_name for name, actor in broker.actors.items()}
        check_actors(config, actors)
    except WorkstreamsError as error:
        return {"error": str(error)}
    except Exception:
        # A module of the user's that fails while it is imported: its traceback is the answer.
        return {"error": traceback.format_exc()}
    return {"actors": actors}


def main() -> int:
    """Answer once.

    Returns:
      The exit code.
    """
    orders = orjson.loads(os.environ.pop(_VARIABLE))
    # What the modules print is not the answer.
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(answers, "wb") as stream:
        stream.write(orjson.dumps(_answer(ConfigSource(orders["path"], orders["overrides"]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
