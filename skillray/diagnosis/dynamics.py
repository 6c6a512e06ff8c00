"""Learning dynamics: what the course of its losses says of an example, and what known-bad examples look like.

DSA (arXiv 2412.19361, its dynamic training) sorts the examples of a set by the mean and the spread of their losses
over epochs. Its full text was not to be had: this is put together from its abstract and its public reviews. The names
are those of Dataset Cartography (arXiv 2009.10795, 2); a reviewer quotes E_easy, E_hard, E_error and E_ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveFloat

from skillray.errors import DataError
from skillray.store.schemas import CATEGORIES
from skillray.types import Value

MIN_OBSERVATIONS = 3
"""Losses without which an example is in no category. Ours: the paper's probe fit has three epochs, and its section 3.3
updates after every three."""
ROUNDING = 1e-9
"""Relative: an average of equal losses may come out a bit below them, and none of them is hard for that."""
Corruption = Literal["auto", "answers", "solutions"]


class Category(StrEnum):
    ERROR = "error"
    """As lossy and as flat as known-bad data."""
    HARD = "hard"
    """Lossier than the average."""
    EASY = "easy"
    """No lossier than the average, and no less flat."""
    AMBIGUOUS = "ambiguous"
    """The rest: a low mean with a high spread."""
    UNSEEN = "unseen"
    """Fewer than `MIN_OBSERVATIONS` losses."""


class Thresholds(Value):
    """Where categories meet, each as a factor of one of DSA's four references (arXiv 2412.19361). That all are 1 is a
    reconstruction: the paper's inequalities are not published."""

    error_mean: PositiveFloat = 1.0
    """Times L_b, the mean of corrupted examples: an error is at least that lossy."""
    error_std: PositiveFloat = 1.0
    """Times sigma_b, their spread: an error has at most that."""
    mean: PositiveFloat = 1.0
    """Times L_average: lossier is hard."""
    std: PositiveFloat = 1.0
    """Times sigma_average: up to that is easy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the losses of wrong examples look like."""

    mean: float
    """L_b, nats."""
    std: float
    """sigma_b, nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Averages:
    """Of a set; errors are among it."""

    mean: float
    """L_average, nats; NaN where nothing has enough losses."""
    std: float
    """sigma_average, nats."""


def averages_of(history: pa.Table) -> Averages:
    """Over the examples with `MIN_OBSERVATIONS` losses (ours; the paper says dataset means)."""
    seen = history.filter(pc.greater_equal(history["observations"], MIN_OBSERVATIONS))
    if not seen.num_rows:
        return Averages(mean=np.nan, std=np.nan)
    return Averages(mean=pc.mean(seen["mean"]).as_py(), std=pc.mean(seen["std"]).as_py())


def categorise(history: pa.Table, baseline: Baseline | None, thresholds: Thresholds) -> pa.Table:
    """Every example of `history` (`losses_by_example`) in a category (CATEGORIES schema, rows in the same order):

        error      L >= L_b and sigma <= sigma_b        (no example without a baseline)
        hard       else L > L_average
        easy       else sigma <= sigma_average
        ambiguous  else

    with the factors of `thresholds`. Examples with fewer than `MIN_OBSERVATIONS` losses are `unseen`.
    """
    observations, mean, std = (history[name].to_numpy() for name in ("observations", "mean", "std"))
    average = averages_of(history)
    is_error = np.zeros(len(mean), np.bool_)
    if baseline is not None:
        is_error = (mean >= thresholds.error_mean * baseline.mean) & (std <= thresholds.error_std * baseline.std)
    is_hard = mean > thresholds.mean * average.mean * (1 + ROUNDING)
    is_easy = std <= thresholds.std * average.std * (1 + ROUNDING)
    # The first that holds decides.
    place = np.select([observations < MIN_OBSERVATIONS, is_error, is_hard, is_easy], [0, 1, 2, 3], 4)
    names = [Category.UNSEEN, Category.ERROR, Category.HARD, Category.EASY, Category.AMBIGUOUS]
    category = pa.array([str(name) for name in names]).take(pa.array(place))
    columns = {"category": category} | {name: history[name] for name in CATEGORIES.names if name != "category"}
    return pa.table(columns, schema=CATEGORIES)


def counts_of(categories: pa.Table) -> dict[Category, int]:
    """Examples in each category, those without any too."""
    counted = {row["values"]: row["counts"] for row in pc.value_counts(categories["category"]).to_pylist()}
    return {category: counted.get(category, 0) for category in Category}


def of_examples(history: pa.Table, example_ids: pa.ChunkedArray) -> pa.Table:
    """The rows of `history` for these examples, in their order; without losses: 0 observations, NaN mean and std."""
    places = pc.index_in(example_ids, value_set=history["example_id"].combine_chunks())
    found = history.select(["mean", "std", "observations"]).take(places)
    fills = {"mean": np.nan, "std": np.nan, "observations": 0}
    return pa.table(
        {"example_id": example_ids} | {name: pc.fill_null(found[name], fill) for name, fill in fills.items()}
    )


def baseline_of(history: pa.Table, corrupted: Sequence[bytes]) -> Baseline:
    """L_b and sigma_b: averages over the examples of `history` whose ids are `corrupted`.

    Raises:
        DataError: none of them has losses.
    """
    ids = pa.array(corrupted, history.schema.field("example_id").type)
    rows = history.filter(pc.is_in(history["example_id"], value_set=ids))
    if not rows.num_rows:
        raise DataError("dynamics.baseline: the probe fit trained on no corrupted example; raise its share or epochs")
    return Baseline(mean=pc.mean(rows["mean"]).as_py(), std=pc.mean(rows["std"]).as_py())
