"""Comparisons that somebody named before there were results, and what many of them at once do to a p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from skillray.evaluation.accuracy import CONFIDENCE, Comparison

SIGNIFICANCE = 1.0 - CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """`arm` against `control`, one of a family that was named beforehand."""

    arm: str
    control: str
    comparison: Comparison
    """Of one training run each: its interval and p-value are over questions."""
    adjusted: float
    """The p-value by Holm over the family, in [0, 1]."""

    @property
    def verdict(self) -> str:
        """What may be said of it at a family-wise error rate of 5%."""
        if self.adjusted >= SIGNIFICANCE or self.comparison.difference == 0:
            return "no clear difference"
        return f"{self.arm if self.comparison.difference > 0 else self.control} is ahead"

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in their order: a family with all of them below alpha errs once with at most that probability.

    Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979): the i-th smallest of m is multiplied by
    m - i + 1, never below the one before it, and never above 1.
    """
    from statsmodels.stats.multitest import multipletests

    return [float(one) for one in multipletests(list(p_values), method="holm")[1]] if p_values else []


def contrasts_of(comparisons: Mapping[tuple[str, str], Comparison]) -> list[Contrast]:
    """The family of all named (arm, control) pairs, adjusted together."""
    adjusted = holm([comparison.p_value for comparison in comparisons.values()])
    return [
        Contrast(arm=arm, control=control, comparison=comparison, adjusted=p_value)
        for ((arm, control), comparison), p_value in zip(comparisons.items(), adjusted, strict=True)
    ]
