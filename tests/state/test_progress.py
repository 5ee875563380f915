from __future__ import annotations

import json

from tests.state.conftest import App
from workstreams.state.progress import last_progress, progress_among


def write(app: App, job: str, event: str, **fields: object) -> None:
    """Append a line as the supervisor does."""
    client = app.link.scripts.client
    line = {"ts": "2030-01-31T12:00:00.000000Z", "level": "info", "event": event, **fields}
    entry = client.xadd(app.key("free", "log"), {"o": json.dumps(line), "j": job})
    client.rpush(app.key("free", "lines", job), entry)


def test_the_last_of_several_counts_also_behind_other_lines(app: App) -> None:
    write(app, "j1", "progress", fraction=0.1, step="a")
    write(app, "j1", "progress", fraction=0.5, step="b")
    for _ in range(45):
        write(app, "j1", "other")
    assert last_progress(app.link, "free", "j1") == {
        "fraction": 0.5,
        "step": "b",
        "at": "2030-01-31T12:00:00.000000Z",
    }


def test_without_lines_or_without_such_a_line_there_is_none(app: App) -> None:
    assert last_progress(app.link, "free", "j1") is None
    write(app, "j1", "other")
    write(app, "j1", "progress", fraction="half")
    assert last_progress(app.link, "free", "j1") is None


def test_at_most_a_hundred_lines_are_looked_at(app: App) -> None:
    write(app, "j1", "progress", fraction=0.1)
    for _ in range(100):
        write(app, "j1", "other")
    assert last_progress(app.link, "free", "j1") is None


def test_a_step_may_be_left_out() -> None:
    line = {"event": "progress", "fraction": 1, "ts": "t"}
    assert progress_among([line]) == {"fraction": 1, "step": None, "at": "t"}
