"""What ``workstreams check`` says of costs, before the first job of an actor is refused."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Project

CONFIG = """\
app: {app}
redis: {redis}
import: [jobs]
limits: {{tokens: {{rate: [100/s, 60/m]}}}}
workstreams:
  mail: {{rate: 5/s, within: [tokens], per_key: {{rate: 2/s}}}}
  free:
"""


def checked(project: Project, server: str, options: str) -> tuple[int, str, str]:
    project.write("config/workstreams.yml", CONFIG.format(app=project.app, redis=server))
    project.write("jobs.py", f"from workstreams import actor\n@actor({options})\ndef act(tenant): ...\n")
    ended = project.run("check")
    return ended.code, ended.err, ended.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('workstream="mail", cost=6', 'expected a cost of at most the 5 that 5/s of "mail" permits, found 6'),
        (
            'workstream="mail", cost={"tokens": 61}',
            'expected a cost of at most the 60 that 60/m of "tokens" permits, found 61',
        ),
        (
            'workstream="mail", cost=3, key_arg="tenant"',
            'expected a cost of at most the 2 that 2/s of "mail" permits, found 3',
        ),
        ('workstream="mail", cost={"token": 2}', 'found "token" (did you mean "tokens"?)'),
        ('workstream="free", cost={"tokens": 2}', 'expected costs for limits that hold for "free"'),
        ('workstream="mail", cost={"mail": 2_000_000}', "permits, found 2000000 (no job of it could start"),
        ('workstream="mail", cost=0', "expected a cost that is a number above 0"),
        ('workstream="mail", cost="2"', "expected a cost that is a number above 0"),
    ],
)
def test_a_cost_that_could_never_start_is_told_in_one_sentence(
    project: Project, server: str, options: str, said: str
) -> None:
    code, err, out = checked(project, server, options)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert err.startswith("error: actor act: expected ")
    assert said in err
    assert "all is well" not in out


@pytest.mark.parametrize(
    "options",
    [
        'workstream="mail", cost=5',
        'workstream="mail", cost={"tokens": 60, "mail": 0}',
        'workstream="mail", cost=2, key_arg="tenant"',
        'workstream="free", cost=1000',
        'workstream="mail"',
    ],
)
def test_a_cost_that_fits_is_no_finding(project: Project, server: str, options: str) -> None:
    code, err, out = checked(project, server, options)
    assert (code, err) == (0, "")
    assert "all is well" in out
