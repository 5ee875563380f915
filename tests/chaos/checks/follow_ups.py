"""I4: what a finish sends is sent once, with the recorded finish, or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tests.chaos.checks.evidence import Broken, Evidence

__all__ = ["broken_follow_ups", "follow_ups_of"]


def follow_ups_of(evidence: Evidence) -> dict[str, set[str]]:
    """The jobs that ran after each job."""
    found: dict[str, set[str]] = defaultdict(set)
    for note in evidence.starts:
        if note.of and not note.tick:
            found[note.of].add(note.job)
    return found


def broken_follow_ups(evidence: Evidence) -> Iterator[Broken]:
    """Finishes that were followed by none, or by several, and follow-ups of what is not finished."""
    followed = follow_ups_of(evidence)
    for send in evidence.history.sends.values():
        life = evidence.lives.get(send.job)
        finished = life is not None and life.final is not None and life.final.name == "finished"
        number = len(followed.pop(send.job, ()))
        expected = 1 if finished and send.kind == "followed" else 0
        if number != expected and not evidence.tails:
            yield Broken("I4", f"{number} jobs followed it, expected were {expected}", send.job)
    for parent in followed:
        yield Broken("I4", "a job followed it, and nobody sent it", parent)
