"""Accuracy overall and per skill with intervals, and the paired comparison of two score tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import DataError

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000
"""Of the paired bootstrap; the interval's ends are then good to about a twentieth of its width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An accuracy with its 95% Wilson interval."""

    accuracy: float
    """Mean over questions of the share of right samples, in [0, 1]."""
    low: float
    high: float
    num_questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Of one student on one set of questions."""

    overall: Share
    by_skill: Mapping[str, Share]
    """Skill -> every question with that skill among its labels, in name order (STAT, arXiv 2510.10023, Figure 4): one
    with several counts for each. Questions without a label are in `overall` only."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`after` minus `before` on the same questions."""

    difference: float
    """Of the accuracies; positive when `after` is better."""
    low: float
    """Lower end of the 95% percentile interval of a paired bootstrap over questions."""
    high: float
    wins: int
    """Questions that `after` answers better."""
    losses: int
    """Questions that `before` answers better."""
    p_value: float
    """Exact McNemar test, two-sided: wins and losses as tosses of a fair coin (with several samples a sign test)."""
    num_questions: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def accuracy_of(scores: pa.Table) -> Accuracy:
    """From the columns question_id, skills and correct of a graded table; rows are samples.

    The Wilson interval takes questions as its trials, for samples of one question are not independent: with several
    samples it is wider than it must be.
    """
    questions = _by_question(scores)
    if not questions.num_rows:
        raise DataError("scores: the table has no rows; give the data held-out questions")
    labels = questions["skills"]
    labelled = pa.table(
        {"skill": pc.list_flatten(labels), "correct": questions["correct"].take(pc.list_parent_indices(labels))}
    )
    return Accuracy(
        overall=share_of(pc.mean(questions["correct"]).as_py(), questions.num_rows), by_skill=_grouped(labelled)
    )


def by_column(scores: pa.Table, column: str, value: str) -> dict[str, Share]:
    """The mean of the truth value `value` for each text in `column`, in name order; rows where it is null are left out.

    Rows are samples: those of a question are averaged first.
    """
    rows = scores.select(["question_id", column]).append_column(
        "value", scores[value].cast(pa.int8()).cast(pa.float64())
    )
    rows = rows.filter(pc.is_valid(rows[column]))
    each = rows.group_by(["question_id", column], use_threads=False).aggregate([("value", "mean")])
    return _grouped(pa.table({"skill": each[column], "correct": each["value_mean"]}))


def compare(before: pa.Table, after: pa.Table, seed: int = 0) -> Comparison:
    """Both must hold the same questions; `DataError` when they do not. The same inputs give the same interval."""
    left, right = _by_question(before), _by_question(after)
    if not left["question_id"].equals(right["question_id"]) or not left.num_rows:
        raise DataError("compare: the two score tables hold different questions, or none; score both on one set")
    return compare_gains(right["correct"].to_numpy() - left["correct"].to_numpy(), seed)


def compare_gains(gains_Q: npt.NDArray[np.float64], seed: int = 0) -> Comparison:
    """The comparison whose questions differ by `gains_Q`, each in [-1, 1]; at least one."""
    from statsmodels.stats.contingency_tables import mcnemar

    wins, losses = int((gains_Q > 0).sum()), int((gains_Q < 0).sum())
    low, high = _bootstrap_mean(gains_Q, seed)
    return Comparison(
        difference=float(gains_Q.mean()),
        low=low,
        high=high,
        wins=wins,
        losses=losses,
        p_value=float(mcnemar([[0, wins], [losses, 0]], exact=True).pvalue),
        num_questions=len(gains_Q),
    )


def _grouped(rows: pa.Table) -> dict[str, Share]:
    """Rows with the columns skill and correct, each a question; skills in name order."""
    skills = rows.group_by("skill").aggregate([("correct", "mean"), ("correct", "count")]).sort_by("skill")
    columns = (skills[name].to_pylist() for name in ("skill", "correct_mean", "correct_count"))
    return {skill: share_of(mean, count) for skill, mean, count in zip(*columns, strict=True)}


def _by_question(scores: pa.Table) -> pa.Table:
    """question_id, skills and correct (share of right samples), sorted by question_id."""
    correct = scores["correct"].cast(pa.int8()).cast(pa.float64())
    rows = pa.table(
        {"question_id": scores["question_id"], "row": pa.array(range(scores.num_rows), pa.int64()), "correct": correct}
    )
    grouped = rows.group_by("question_id", use_threads=False).aggregate([("row", "first"), ("correct", "mean")])
    grouped = grouped.sort_by("question_id")
    skills = scores["skills"].take(grouped["row_first"])
    return pa.table({"question_id": grouped["question_id"], "skills": skills, "correct": grouped["correct_mean"]})


def share_of(accuracy: float, num_questions: int) -> Share:
    """An accuracy over questions with its Wilson interval; values between 0 and 1 make it wider than it must be."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(accuracy * num_questions, num_questions, alpha=1 - CONFIDENCE, method="wilson")
    return Share(accuracy=accuracy, low=float(low), high=float(high), num_questions=num_questions)


def _bootstrap_mean(gains_Q: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    if np.ptp(gains_Q) == 0:  # every resample is the same
        return float(gains_Q[0]), float(gains_Q[0])
    found = bootstrap(
        (gains_Q,),
        np.mean,
        n_resamples=NUM_RESAMPLES,
        batch=50,  # resamples held in memory at once
        method="percentile",
        confidence_level=CONFIDENCE,
        rng=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
