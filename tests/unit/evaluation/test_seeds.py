"""Several seeds of one comparison, by hand."""

from __future__ import annotations

import json
import math
import warnings

import pyarrow as pa
import pytest

from skillray.errors import DataError
from skillray.evaluation.seeds import Answers, effect_of, over_seeds
from skillray.types import content_id


def scores(seed: int, right: set[int], num: int = 10) -> pa.Table:
    """Questions 0 to `num` of a seed, of which `right` are answered right."""
    ids = [content_id(seed, n) for n in range(num)]
    columns = {"question_id": pa.array(ids, pa.binary(16)), "skills": [["sum"]] * num}
    return pa.table(columns | {"correct": [n in right for n in range(num)]})


def test_t_interval_over_seeds() -> None:
    # Deviations from .025: -5, 5, -15, 0, 15 thousandths; their squares sum to 500e-6, so sd = sqrt(125e-6) and
    # se = sd / sqrt(5) = .005; t with 4 degrees of freedom is 2.7764 at 97.5%.
    found = over_seeds([0.02, 0.03, 0.01, 0.025, 0.04])
    assert found.mean == pytest.approx(0.025) and found.by_seed == (0.02, 0.03, 0.01, 0.025, 0.04)
    assert found.low == pytest.approx(0.025 - 2.7764 * 0.005, abs=1e-6)
    assert found.high == pytest.approx(0.025 + 2.7764 * 0.005, abs=1e-6)


def test_two_seeds_say_little() -> None:
    found = over_seeds([0.01, 0.03])  # se = .01; t with 1 degree of freedom is 12.706
    assert found.low is not None and found.low == pytest.approx(0.02 - 0.12706, abs=1e-5)


def test_one_seed_has_no_interval() -> None:
    found = over_seeds([0.02])
    assert (found.mean, found.low, found.high) == (0.02, None, None)


def test_equal_seeds_leave_no_width_and_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = over_seeds([0.02, 0.02, 0.02])
    assert found.mean == pytest.approx(0.02) and (found.low, found.high) == (0.02, 0.02)


def test_no_seed_is_an_error() -> None:
    with pytest.raises(DataError, match="no seed"):
        over_seeds([])


def test_effect_pairs_the_questions_of_each_seed() -> None:
    found = effect_of(
        [
            # Seed 1: the arm answers 2..8 (7 of 10), the control 0..5 (6), base 0..3 (4).
            Answers(base=scores(1, {*range(4)}), control=scores(1, {*range(6)}), arm=scores(1, {*range(2, 9)})),
            # Seed 2, of 20: the arm 16, the control 18, base 12.
            Answers(
                base=scores(2, {*range(12)}, 20), control=scores(2, {*range(18)}, 20), arm=scores(2, {*range(16)}, 20)
            ),
        ]
    )
    assert found.base.by_seed == (0.4, 0.6) and found.accuracy.by_seed == (0.7, 0.8)
    assert found.gain.by_seed == pytest.approx((0.3, 0.2)) and found.difference.by_seed == pytest.approx((0.1, -0.1))
    # Every seed counts the same, whatever its number of questions: over all 30 it would be (7 + 16 - 6 - 18) / 30 < 0.
    assert found.difference.mean == pytest.approx(0.0, abs=1e-12)
    assert [(one.wins, one.losses, one.num_questions) for one in found.paired] == [(3, 2, 10), (0, 2, 20)]
    assert found.accuracy.low == pytest.approx(0.75 - 12.706 * 0.1 / math.sqrt(2) / math.sqrt(2), abs=1e-3)
    assert json.loads(json.dumps(found.to_json()))["paired"][0]["wins"] == 3


def test_other_questions_are_refused() -> None:
    with pytest.raises(DataError, match="different questions"):
        effect_of([Answers(base=scores(1, set()), control=scores(2, set()), arm=scores(1, set()))])
