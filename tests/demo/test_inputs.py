from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from workstreams.declare.config import Config
from workstreams.demo import inputs
from workstreams.demo.inputs import MOST_FILES, file_jobs, files_in, webhook_jobs
from workstreams.send.order import order_for


def test_every_shipped_webhook_is_a_call_that_the_actor_takes(jobs: ModuleType, config: Config) -> None:
    shipped = webhook_jobs()
    assert len(shipped) == 1000
    for number, job in enumerate(shipped, start=1):
        inspect.signature(jobs.deliver.fn).bind(*job.args, **job.kwargs)
        assert job.kwargs["url_path"].startswith("/hooks/")
        assert job.kwargs["event"]["id"] == number
        assert (job.workstream, job.actor_name) == (jobs.deliver.queue_name, jobs.deliver.actor_name)
        order_for(job, config.workstream(job.workstream), "")


def test_each_run_sends_jobs_of_its_own() -> None:
    first, second = webhook_jobs(), webhook_jobs()
    assert len({job.id for job in first + second}) == 2000


def test_every_file_below_the_folder_becomes_a_call_that_the_actor_takes(
    tmp_path: Path, jobs: ModuleType
) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_text("2")
    (tmp_path / "one.txt").write_text("1")
    sent = file_jobs(tmp_path)
    assert [job.args for job in sent] == [(f"{tmp_path}/one.txt",), (f"{tmp_path}/b/two.txt",)]
    assert {(job.workstream, job.actor_name) for job in sent} == {("files", jobs.digest.actor_name)}


def test_links_pipes_caches_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for name in (".git", "__pycache__", "real"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "file")
    (tmp_path / "round").symlink_to(tmp_path)
    assert list(files_in(tmp_path)) == [f"{tmp_path}/real/file"]


def test_a_name_that_json_cannot_carry_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("x")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_text("x")
    except OSError:  # macOS refuses such a name by itself.
        return
    assert list(files_in(tmp_path)) == [f"{tmp_path}/good"]


def test_a_whole_disk_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(folder: Path) -> Iterator[str]:
        while True:
            yield str(folder)

    monkeypatch.setattr(inputs, "files_in", endless)
    assert len(file_jobs(tmp_path)) == MOST_FILES
