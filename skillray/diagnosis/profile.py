"""The Missing-Skill-Profile: which skills the difficult questions of a student lack, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skillray.teacher.tasks import Outcome, Reply
from skillray.types import Id, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingSkillProfile:
    """STAT's Missing-Skill-Profile in numbers (arXiv 2510.10023, 2.2)."""

    counts: Mapping[str, int]
    """Skill -> difficult questions that lack it, the most frequent first, ties by name."""
    outcomes: Mapping[str, int]
    """How the teacher answered -> how often. STAT is silent on responses found correct: here they are no gaps."""

    @property
    def num_difficult(self) -> int:
        """Difficult questions that the teacher was asked about."""
        return sum(self.outcomes.values())


def profile_of(missing_skills: Iterable[Sequence[str]], outcomes: Iterable[str]) -> MissingSkillProfile:
    """From two columns of the gaps table, row by row; a row's skills count only when its outcome is OK."""
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for skills, outcome in zip(missing_skills, outcomes, strict=True):
        seen[str(outcome)] += 1
        if outcome == Outcome.OK:
            counts.update(set(skills))
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return MissingSkillProfile(counts=ordered, outcomes=dict(seen))


def cap_difficult(question_ids: Iterable[Id], seed: int, limit: int = 500) -> list[Id]:
    """A uniform sample of at most `limit` distinct questions; of the set and the seed, not of the order of the rows.

    STAT reports 500 difficult questions of more (arXiv 2510.10023); how they were chosen is not said: ours.
    """
    return sorted(set(question_ids), key=lambda question_id: content_id("difficult", seed, question_id))[:limit]


def labels_as_missing(skills: Sequence[str]) -> Reply:
    """AdaptMI without the plus (arXiv 2505.00147): the question's own labels stand in for the teacher's reply."""
    return Reply(outcome=Outcome.OK, value=list(skills)) if skills else Reply(outcome=Outcome.EMPTY)
