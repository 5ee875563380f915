"""https://dramatiq.io/cookbook.html: the other brokers are not needed."""

from __future__ import annotations

import subprocess
import sys


def test_importing_dramatiq_with_our_broker_needs_none_of_its_other_brokers() -> None:
    code = "import workstreams, sys; workstreams.current_broker(); print('pika' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "False"
