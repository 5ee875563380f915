"""I3: a concurrency holds at every instant, over the fleet."""

from __future__ import annotations

from pathlib import Path

from tests.promises.fleet import Fleet, fleet

NAP = """
@actor(workstream="three")
def nap(seconds):
    run(seconds)

@actor(workstream="also")
def also(seconds):
    run(seconds)
"""


def most_at_once(project: Fleet) -> int:
    changes = [(line.at, 1) for line in project.noted("start")] + [
        (line.at, -1) for line in project.noted("end")
    ]
    running = most = 0
    # At the same instant an end comes first: its slot is free before the next start.
    for _, change in sorted(changes, key=lambda pair: (pair[0], pair[1])):
        running += change
        most = max(most, running)
    return most


def test_never_more_than_three_of_sixty_jobs_over_two_processes(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  three: 3\n  also:\n", NAP) as project:
        project.start().wait_for_workers(2)
        ids = project.send("three", "nap", 60, 0.05)
        project.wait_until_empty("three")
        project.wait_for_ends(ids)
        assert most_at_once(project) == 3


def test_two_workstreams_share_the_slots_of_a_named_limit(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    workstreams = (
        "  three: {within: [account]}\n  also: {within: [account]}\nlimits:\n  account: {concurrency: 4}\n"
    )
    with fleet(tmp_path, app_name, server_url, workstreams, NAP) as project:
        project.start().wait_for_workers(2)
        ids = project.send("three", "nap", 30, 0.03) + project.send("also", "also", 30, 0.03)
        project.wait_until_empty("three")
        project.wait_until_empty("also")
        project.wait_for_ends(ids)
        assert most_at_once(project) == 4
