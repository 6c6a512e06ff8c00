"""The Missing-Skill-Profile: which skills the difficult questions of a student lack, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skillray.teacher.tasks import Outcome
from skillray.types import Id, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSkillProfile:
    """STAT's Missing-Skill-Profile in numbers (arXiv 2510.10023, 2.2)."""

    counts: Mapping[str, int]
    """Skill -> difficult questions that lack it, the most frequent first, ties by name."""
    num_difficult: int
    """Difficult questions that the teacher was asked about."""
    num_named: int
    """Those with at least one missing skill."""
    num_judged_correct: int
    """Those whose response the teacher found correct. STAT is silent; they are dropped and counted."""

    @property
    def shares(self) -> dict[str, float]:
        """Skill -> its part of all mentions; they add up to 1. The same order as `counts`."""
        total = sum(self.counts.values())
        return {skill: count / total for skill, count in self.counts.items()}


def profile_of(missing_skills: Iterable[Sequence[str]], outcomes: Iterable[str]) -> MissingSkillProfile:
    """From two columns of the gaps table, row by row; a row counts only when its outcome is OK."""
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    num_named = 0
    for skills, outcome in zip(missing_skills, outcomes, strict=True):
        seen[outcome] += 1
        if outcome == Outcome.OK and skills:
            num_named += 1
            counts.update(set(skills))
    return MissingSkillProfile(
        counts=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        num_difficult=seen.total(),
        num_named=num_named,
        num_judged_correct=seen[Outcome.JUDGED_CORRECT],
    )


def cap_difficult(question_ids: Iterable[Id], seed: int, limit: int = 500) -> list[Id]:
    """A uniform sample of at most `limit` distinct questions; of the set and the seed, not of the order of the rows.

    STAT reports 500 difficult questions of more (arXiv 2510.10023); how they were chosen is not said: ours.
    """
    return sorted(set(question_ids), key=lambda question_id: content_id("difficult", seed, question_id))[:limit]


def labels_as_missing(skills: Sequence[str]) -> tuple[tuple[str, ...], Outcome]:
    """AdaptMI without the plus (arXiv 2505.00147): the question's own labels stand in for the missing skills."""
    return tuple(skills), Outcome.OK if skills else Outcome.EMPTY
