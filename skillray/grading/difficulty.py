"""Which questions are difficult for a student: reward filters over the step scores of its response."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from skillray.errors import DataError
from skillray.types import Value

Threshold = Annotated[float, Field(ge=0.0, le=1.0)]


class StatFilter(Value):
    """STAT's R(q) (arXiv 2510.10023, eq. 1 and C.1). Difficult iff, for step scores r_1..r_t,

        r_t <= tau1   or   mean(r_1..r_t) <= tau1   or   r_i <= tau2 for some i < t.

    No ground truth is used. The paper is silent on a response without steps: we call it difficult.
    """

    type: Literal["stat"] = "stat"
    tau1: Threshold = 0.85
    """For the last step and for the mean over all steps."""
    tau2: Threshold = 0.70
    """For every step before the last."""

    def is_difficult(self, scores: Sequence[float]) -> bool:
        """`scores`: one step each, in order, in [0, 1]; `DataError` for anything else, NaN included."""
        check_scores(scores)
        return _low_end_or_mean(scores, self.tau1) or any(score <= self.tau2 for score in scores[:-1])


class AdaptmiFilter(Value):
    """The same test as AdaptMI's code has it (arXiv 2505.00147, math-rm/rm_classify.py). Difficult iff

        r_t <= tau1   or   mean(r_1..r_t) <= tau1   or   r_i <= tau2 for some i >= 2:

    the first step is not held to tau2, and the last one is. The thresholds are those of the shipped scripts
    (0.9 and 0.7, with the Deepseek-data PRM); the code's own defaults are 0.8 and 0.7, the paper's 0.85 and 0.7.
    """

    type: Literal["adaptmi"] = "adaptmi"
    tau1: Threshold = 0.90
    tau2: Threshold = 0.70

    def is_difficult(self, scores: Sequence[float]) -> bool:
        """`scores`: one step each, in order, in [0, 1]; `DataError` for anything else, NaN included."""
        check_scores(scores)
        return _low_end_or_mean(scores, self.tau1) or any(score <= self.tau2 for score in scores[1:])


DifficultyFilter = Annotated[StatFilter | AdaptmiFilter, Field(discriminator="type")]


def judged_sample(samples: Sequence[Sequence[float]]) -> int:
    """Which of K responses is judged: the one with the highest mean step score (AdaptMI's rm_classify.py).

    Ties go to the earlier one (ours); a response without steps is judged only when all are so.
    """
    assert samples, "a question has at least one response"
    for scores in samples:
        check_scores(scores)
    means = [math.fsum(scores) / len(scores) if scores else -math.inf for scores in samples]
    return means.index(max(means))


def check_scores(scores: Sequence[float]) -> None:
    """A score that is no probability is refused, for NaN would pass every `<=` as an easy question."""
    for i, score in enumerate(scores):
        if score is None or not 0.0 <= score <= 1.0:
            raise DataError(f"step score {i + 1} of {len(scores)} is {score}: a scorer gives 0 to 1; check the scorer")


def _low_end_or_mean(scores: Sequence[float], tau1: float) -> bool:
    return not scores or scores[-1] <= tau1 or math.fsum(scores) / len(scores) <= tau1
