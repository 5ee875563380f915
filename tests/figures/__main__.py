"""``python -m tests.figures``: measures limits, quiet, fairness, changes and refusals on real processes.

Each command prints a table, or one JSON object a line where the output is no terminal, and ends with 1
when a promise was not kept in the run: speeds are shown, and never judged.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.figures import fairness, limiting, live, quiet, upstream

__all__ = ["main"]


#: The commands, and what they measure.
COMMANDS = {
    "limits": (limiting, "how each shape of a limit holds, beside Dramatiq's own limiters"),
    "quiet": (quiet, "what a fleet asks of the server while it waits"),
    "fair": (fairness, "how evenly keys take turns, and what that costs the server"),
    "live": (live, "how soon a changed limit is reached, and what started in spite of it"),
    "upstream": (upstream, "how a limit that nobody was told of is found and followed"),
}


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(prog="python -m tests.figures", description=__doc__)
    some = root.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, told) in COMMANDS.items():
        module.options(some.add_parser(name, help=told, description=told))
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
      0 when every promise was kept in it, else 1.
    """
    options = parser().parse_args(arguments)
    broken: list[str] = options.run(options)
    for sentence in broken:
        sys.stderr.write(f"BROKEN: {sentence}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
