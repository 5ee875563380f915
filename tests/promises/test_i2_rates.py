"""I2: a rate holds in every window, over the fleet."""

from __future__ import annotations

from pathlib import Path

from tests.promises.fleet import fleet, most_in_any

TICK = """
@actor(workstream="twilio")
def tick():
    run(0)
"""


def test_no_window_holds_more_starts_than_the_rate_over_two_processes(
    tmp_path: Path, app_name: str, server_url: str
) -> None:
    with fleet(tmp_path, app_name, server_url, "  twilio: {rate: 20/s}\n", TICK) as project:
        project.start().wait_for_workers(2)
        ids = project.send("twilio", "tick", 70)
        project.wait_until_empty("twilio")
        project.wait_for_ends(ids)

        at_redis = [int(fields["t"]) / 1_000_000 for fields in project.events("twilio", "started")]
        assert len(at_redis) == 70
        # The window is held 1 % longer than it is long.
        assert most_in_any(at_redis, 1.01) == 20
        took = max(at_redis) - min(at_redis)
        assert took < 4, "three windows and a bit: a rate that is held must also be used"

        at_jobs = [line.at for line in project.noted("start")]
        link = project.broker.link
        late = int(link.scripts.client.hget(link.keys.workstream("twilio", "count"), "late") or 0)
        assert most_in_any(at_jobs, 1.0) <= 20 + late


def test_two_rates_and_a_shared_one_hold_together(tmp_path: Path, app_name: str, server_url: str) -> None:
    workstreams = "  twilio: {rate: [10/s, 18/5s]}\n  other: {rate: 100/s, within: [account]}\n"
    workstreams += "limits:\n  account: {rate: 5/s}\n"
    jobs = TICK + "\n@actor(workstream='other')\ndef tock():\n    run(0)\n"
    with fleet(tmp_path, app_name, server_url, workstreams, jobs) as project:
        project.start().wait_for_workers(2)
        project.send("other", "tock", 12)
        project.send("twilio", "tick", 20)
        project.wait_until_empty("other")
        other = [int(fields["t"]) / 1_000_000 for fields in project.events("other", "started")]
        assert most_in_any(other, 1.01) == 5
        twilio = [int(fields["t"]) / 1_000_000 for fields in project.events("twilio", "started")]
        assert most_in_any(twilio, 1.01) <= 10
        assert most_in_any(twilio, 5.02) <= 18
