"""May a trained model replace the one before? It must be better at its task, and nowhere else clearly worse.

    better   the task's paired interval is above zero
    worse    a difference is below minus the margin, and its interval is below zero: more than the margin, and no chance
    unsure   the interval reaches below minus the margin, but what is measured is not `worse`: too few questions to tell
    kept     the interval stays above minus the margin

Only `better` at the task and no `worse` elsewhere opens the gate. `unsure` does not close it, for a small set would
always be unsure; it is told. The three words are those of a non-inferiority test with a stated margin; that `unsure`
passes is our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from skillray.evaluation.accuracy import Comparison


class Finding(StrEnum):
    """What one comparison of before and after says."""

    BETTER = "better"
    NOT_BETTER = "not better"
    WORSE = "worse"
    UNSURE = "unsure"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The findings about one student, its task first."""

    margin: float
    """Share of questions, for example 0.02, that another figure may lose."""
    task: tuple[str, Comparison, Finding]
    others: tuple[tuple[str, Comparison, Finding], ...]

    @property
    def is_open(self) -> bool:
        return self.task[2] is Finding.BETTER and all(finding is not Finding.WORSE for _, _, finding in self.others)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"open": self.is_open}


def gate_of(task: tuple[str, Comparison], others: Mapping[str, Comparison], margin: float) -> Gate:
    """Comparisons are after minus before, paired by question."""
    better = Finding.BETTER if task[1].low > 0 else Finding.NOT_BETTER
    return Gate(
        margin=margin,
        task=(*task, better),
        others=tuple((name, one, elsewhere(one, margin)) for name, one in others.items()),
    )


def elsewhere(one: Comparison, margin: float) -> Finding:
    """The finding about what is not the task."""
    if one.difference < -margin and one.high < 0:
        return Finding.WORSE
    return Finding.UNSURE if one.low < -margin else Finding.KEPT
