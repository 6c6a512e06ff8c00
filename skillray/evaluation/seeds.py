"""One comparison repeated with several seeds: what the arms reach on average, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skillray.errors import DataError
from skillray.evaluation.accuracy import CONFIDENCE, Comparison, accuracy_of, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class OverSeeds:
    """A figure that every seed gives once, and the 95% t interval of its mean.

    Questions are nested in seeds: all answers of a seed come from one training run, and are no independent evidence
    about another. So seeds are counted here, and how many questions each has does not narrow the interval by itself.
    """

    mean: float
    low: float | None
    """None for one seed: it says nothing about others."""
    high: float | None
    by_seed: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Score tables of one seed, all of the same questions."""

    base: pa.Table
    """Before any training."""
    control: pa.Table
    """After training by the control."""
    arm: pa.Table
    """After training by the method in question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Of one method, over seeds."""

    base: OverSeeds
    """Accuracy before any training."""
    accuracy: OverSeeds
    gain: OverSeeds
    """Over `base`."""
    difference: OverSeeds
    """To the control."""
    paired: tuple[Comparison, ...]
    """The difference in each seed, with its interval over that seed's questions."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """`DataError` for no values."""
    from scipy.stats import ttest_1samp

    if not values:
        raise DataError("over_seeds: there is no seed; give at least one")
    low = high = None
    if len(values) > 1:
        # Equal values need no test, and scipy warns of them.
        equal = np.ptp(values) == 0
        found = (values[0], values[0]) if equal else ttest_1samp(values, 0.0).confidence_interval(CONFIDENCE)
        low, high = (float(end) for end in found)
    return OverSeeds(mean=float(np.mean(values)), low=low, high=high, by_seed=tuple(values))


def effect_of(seeds: Sequence[Answers]) -> Effect:
    """`DataError` when the tables of a seed hold different questions."""
    gains = [compare(before=seed.base, after=seed.arm).difference for seed in seeds]
    paired = [compare(before=seed.control, after=seed.arm) for seed in seeds]
    return Effect(
        base=over_seeds([accuracy_of(seed.base).overall.accuracy for seed in seeds]),
        accuracy=over_seeds([accuracy_of(seed.arm).overall.accuracy for seed in seeds]),
        gain=over_seeds(gains),
        difference=over_seeds([comparison.difference for comparison in paired]),
        paired=tuple(paired),
    )


def p_value_over(differences: Sequence[float]) -> float | None:
    """Two-sided t test of the mean over seeds against zero; None for one seed, which says nothing about others."""
    from scipy.stats import ttest_1samp

    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:  # no spread to measure by: the test is not defined, and this is its limit
        return 1.0 if differences[0] == 0 else 0.0
    return float(ttest_1samp(differences, 0.0).pvalue)
