"""Votes of several samples, by hand."""

from __future__ import annotations

import pytest

from skillray.diagnosis.votes import agreement_of, overlap_of, vote
from skillray.teacher.tasks import Outcome, Reply

RIGHT, NOTHING, LOST = (Reply(outcome=o) for o in (Outcome.JUDGED_CORRECT, Outcome.EMPTY, Outcome.FAILED))


def ok(*skills: str) -> Reply:
    return Reply(outcome=Outcome.OK, value=list(skills))


@pytest.mark.parametrize(
    ("replies", "outcome", "skills", "agreement"),
    [
        ([ok("a", "b")], Outcome.OK, ["a", "b"], None),
        ([LOST], Outcome.FAILED, None, None),
        ([LOST, LOST], Outcome.FAILED, None, None),
        ([ok("b", "a"), ok("a"), ok("a", "c")], Outcome.OK, ["a"], (1 / 2 + 1 / 3 + 1 / 2) / 3),
        ([ok("b", "a"), ok("a", "b"), ok("a")], Outcome.OK, ["a", "b"], (1 + 1 / 2 + 1 / 2) / 3),  # most often first
        ([ok("a"), ok("b")], Outcome.NO_MAJORITY, None, 0.0),  # one of two is no majority
        ([ok("a"), ok("a"), LOST, LOST, LOST], Outcome.OK, ["a"], 1.0),  # who said nothing has no vote
        ([ok("a"), LOST], Outcome.OK, ["a"], None),
        ([RIGHT, RIGHT, ok("a")], Outcome.JUDGED_CORRECT, None, 1 / 3),
        ([RIGHT, ok("a"), NOTHING], Outcome.NO_MAJORITY, None, 1 / 3),
        ([ok("a", "a"), RIGHT, RIGHT, RIGHT], Outcome.JUDGED_CORRECT, None, 1 / 2),  # a skill counts once a sample
    ],
)
def test_a_vote(replies: list[Reply], outcome: Outcome, skills: list[str] | None, agreement: float | None) -> None:
    voted = vote(replies)
    assert (voted.reply.outcome, voted.reply.value) == (outcome, skills)
    assert voted.agreement == (None if agreement is None else pytest.approx(agreement))


def test_overlap_is_of_the_first_samples_skills() -> None:
    assert overlap_of([["a", "b"], ["b", "c", "d"]]) == 1 / 2  # Jaccard: 1 / 4
    assert overlap_of([["a", "b"], ["a", "b"], ["c"]]) == (2 + 0) / 4
    assert overlap_of([["a"]]) is None and overlap_of([[], ["a"]]) is None
    assert vote([ok("a", "b"), ok("b")]).overlap == 1 / 2


def test_agreement_is_of_pairs() -> None:
    assert agreement_of([["a"]]) is None
    assert agreement_of([[], []]) == 1.0
    assert agreement_of([["a", "b"], ["b", "c"]]) == pytest.approx(1 / 3)
