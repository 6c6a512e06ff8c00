"""Categories and the error baseline by hand."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from skillray.diagnosis.dynamics import (
    Baseline,
    Category,
    Thresholds,
    averages_of,
    baseline_of,
    categorise,
    counts_of,
    of_examples,
)
from skillray.errors import DataError
from skillray.store.schemas import CATEGORIES, ID
from skillray.types import content_id

E, H, Y, A, U = Category.ERROR, Category.HARD, Category.EASY, Category.AMBIGUOUS, Category.UNSEEN
BASELINE = Baseline(mean=4.0, std=0.5)
PLAIN = Thresholds()
# (mean, std, observations): averages over the five with three losses are 10 / 5 = 2 and 5 / 5 = 1.
ROWS = [(4.0, 0.5, 3), (4.0, 2.0, 3), (0.5, 0.5, 4), (1.0, 1.5, 3), (0.5, 0.5, 9), (9.0, 0.0, 2)]


def history(rows: list[tuple[float, float, int]]) -> pa.Table:
    means, stds, observations = zip(*rows, strict=True) if rows else ((), (), ())
    ids = pa.array([content_id(place) for place in range(len(rows))], ID)
    columns = {"example_id": ids, "observations": pa.array(observations, pa.int64())}
    return pa.table(columns | {"mean": pa.array(means, pa.float64()), "std": pa.array(stds, pa.float64())})


def named(
    rows: list[tuple[float, float, int]], baseline: Baseline | None = BASELINE, thresholds: Thresholds = PLAIN
) -> list[str]:
    made = categorise(history(rows), baseline, thresholds)
    assert made.schema == CATEGORIES
    return list(made["category"].to_pylist())


def test_each_category_by_its_inequality() -> None:
    assert (averages_of(history(ROWS)).mean, averages_of(history(ROWS)).std) == (2.0, 1.0)
    assert named(ROWS) == [
        E,
        H,
        Y,
        A,
        Y,
        U,
    ]  # on both bounds; too spread; low and flat; low and spread; ...; two losses
    assert counts_of(categorise(history(ROWS), BASELINE, PLAIN)) == {E: 1, H: 1, Y: 2, A: 1, U: 1}


def test_without_a_baseline_what_is_lossy_is_hard() -> None:
    assert named(ROWS, None) == [H, H, Y, A, Y, U]


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ({"error_mean": 1.1}, [H, H, Y, A, Y, U]),
        ({"error_mean": 0.1}, [E, H, E, A, E, U]),
        ({"error_std": 4.0}, [E, E, Y, A, Y, U]),
        ({"error_std": 0.9}, [H, H, Y, A, Y, U]),
        ({"mean": 2.0}, [E, A, Y, A, Y, U]),
        ({"mean": 0.25}, [E, H, Y, H, Y, U]),
        ({"std": 1.5}, [E, H, Y, Y, Y, U]),
        ({"std": 0.4}, [E, H, A, A, A, U]),
    ],
)
def test_each_threshold_is_a_factor_of_its_reference(factors: dict[str, float], expected: list[str]) -> None:
    assert named(ROWS, thresholds=Thresholds(**factors)) == expected


def test_nothing_is_told_apart_by_rounding() -> None:
    """0.1 cannot be written in binary, and its mean over many comes out below it."""
    assert set(named([(0.1, 0.1, 3)] * 1_000)) == {Y}
    assert set(named([(5.0, 0.5, 3)] * 7)) == {E}


def test_too_few_losses_are_unseen_and_do_not_count_in_the_averages() -> None:
    assert named([(3.0, 1.0, 2), (1.0, 1.0, 1)]) == [U, U]
    assert math.isnan(averages_of(history([(3.0, 1.0, 2)])).mean)
    assert named([]) == []


def test_a_history_of_other_examples_is_cut_to_the_set() -> None:
    whole = history(ROWS)
    wanted = pa.chunked_array([[content_id(2), content_id("new"), content_id(0)]], ID)
    rows = of_examples(whole, wanted)
    assert rows["example_id"].to_pylist() == wanted.to_pylist()
    assert rows["observations"].to_pylist() == [4, 0, 3] and rows["mean"].to_pylist()[::2] == [0.5, 4.0]
    assert math.isnan(rows["mean"][1].as_py()) and categorise(rows, None, PLAIN)["category"].to_pylist()[1] == U


def test_the_baseline_is_the_average_of_the_corrupted() -> None:
    found = baseline_of(history(ROWS), [content_id(0), content_id(1), content_id("elsewhere")])
    assert found == Baseline(mean=4.0, std=1.25)
    with pytest.raises(DataError, match="no corrupted example"):
        baseline_of(history(ROWS), [content_id("elsewhere")])
