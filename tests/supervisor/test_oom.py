from pathlib import Path

from workstreams.supervisor.oom import LOOKS, PAUSE, OutOfMemory, counters


class Machine:
    """Counts kills in a file, and has a clock."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "memory.events"
        self.now = 100.0
        self.count(0)

    def count(self, kills: int) -> None:
        self.file.write_text(f"low 0\noom 7\noom_kill {kills}\n")

    def lives(self, memory: OutOfMemory, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 0.2
            memory.look()


def test_a_kill_is_told_for_some_seconds(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    memory = OutOfMemory([machine.file], lambda: machine.now)
    machine.lives(memory, 60)
    assert not memory.was_lately()
    machine.count(1)
    assert memory.was_lately()
    machine.lives(memory, PAUSE)
    assert memory.was_lately(), "it may have been looked at between the kill and the end of its process"
    machine.lives(memory, LOOKS * PAUSE)
    assert not memory.was_lately(), "an older one concerns another process"


def test_where_nothing_counts_nothing_is_told(tmp_path: Path) -> None:
    silent = tmp_path / "vmstat"
    silent.write_text("nr_free_pages 1\n")
    memory = OutOfMemory([tmp_path / "none", silent])
    memory.look()
    assert not memory.was_lately()


def test_the_own_group_counts_before_the_machine(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/a\n1:cpu:/a\n0::/b/c\n")
    assert [str(file.relative_to(tmp_path)) for file in counters(tmp_path)] == [
        "sys/fs/cgroup/memory/a/memory.oom_control",
        "sys/fs/cgroup/memory/memory.oom_control",
        "sys/fs/cgroup/b/c/memory.events",
        "sys/fs/cgroup/memory.events",
        "proc/vmstat",
    ]
