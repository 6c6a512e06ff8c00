"""How far a teacher can be believed: what it says where the truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from skillray.evaluation.accuracy import CONFIDENCE
from skillray.teacher.tasks import Outcome, Reply

LEAST = 5
"""Cases below which a figure says nothing, and stops nothing. Ours."""
_JUDGED_WRONG = frozenset({Outcome.OK, Outcome.EMPTY, Outcome.UNKNOWN_SKILL, Outcome.TOO_MANY_SKILLS})
"""Outcomes of a request for missing skills whose reply found the answer wrong, whatever it then named."""
_NOT_ASKED = frozenset({Outcome.FAILED, Outcome.UNSUPPORTED})
"""The service failed, or the teacher does no such task: no word of the teacher's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A share of cases in which the teacher was right."""

    hits: int
    cases: int
    outcomes: dict[str, int] = field(default_factory=dict)
    """How the replies came back, failed ones included."""
    means: dict[str, float] = field(default_factory=dict)
    """Further means over the cases, each in [0, 1]."""

    @property
    def share(self) -> float | None:
        return self.hits / self.cases if self.cases else None

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval; all of [0, 1] without a case."""
        from statsmodels.stats.proportion import proportion_confint  # takes a second, and brings scipy

        if not self.cases:
            return 0.0, 1.0
        low, high = proportion_confint(self.hits, self.cases, alpha=1 - CONFIDENCE, method="wilson")
        return float(low), float(high)

    def is_below(self, bound: float) -> bool:
        """Whether the share is lower than the bound by more than chance makes it."""
        return self.cases >= LEAST and self.interval[1] < bound

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        told = {"hits": self.hits, "cases": self.cases, "share": self.share, "low": low, "high": high}
        return told | {"outcomes": self.outcomes, "means": self.means}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Figure:
        return cls(hits=told["hits"], cases=told["cases"], outcomes=told["outcomes"], means=told["means"])


def figure(replies: Sequence[Reply], hits: Sequence[bool], means: dict[str, float] | None = None) -> Figure:
    """Of replies, and whether each was right. A reply that cannot be read is not right; one that never came is no case.

    Both in the same order.
    """
    counted = [hit for reply, hit in zip(replies, hits, strict=True) if reply.outcome not in _NOT_ASKED]
    outcomes = dict(sorted(Counter(str(reply.outcome) for reply in replies).items()))
    return Figure(hits=sum(counted), cases=len(counted), outcomes=outcomes, means=means or {})


def judgements(replies: Sequence[Reply], *, right: bool) -> Figure:
    """Of answers that are all right, or all wrong: how often the teacher says so."""
    said = [reply.outcome is Outcome.JUDGED_CORRECT if right else reply.outcome in _JUDGED_WRONG for reply in replies]
    return figure(replies, said)


def labels(replies: Sequence[Reply], own: Sequence[Sequence[str]]) -> Figure:
    """Of labelled questions: how often the main label, the first of `own`, is among the skills named.

    Means over the questions for which skills were named: `overlap`, shared skills divided by those that the teacher
    names, as STAT compares two teachers (arXiv 2510.10023, E.3), and `jaccard`, divided by those that either names.
    """
    named = [list(reply.value) if reply.outcome is Outcome.OK else [] for reply in replies]
    hits = [bool(mine) and mine[0] in said for said, mine in zip(named, own, strict=True)]
    pairs = [(set(said), set(mine)) for said, mine in zip(named, own, strict=True) if said]
    means = {}
    if pairs:
        means["overlap"] = sum(len(said & mine) / len(said) for said, mine in pairs) / len(pairs)
        means["jaccard"] = sum(len(said & mine) / len(said | mine) for said, mine in pairs) / len(pairs)
    return figure(replies, hits, means)


def chosen(ids: Collection[bytes], count: int) -> list[bytes]:
    """`count` of the ids, the same ones every time: they are hashes of their content, so the smallest are a sample."""
    return sorted(set(ids))[:count]
