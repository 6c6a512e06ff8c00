"""Families of comparisons by hand."""

from __future__ import annotations

import json

import pytest

from skillray.evaluation.accuracy import Comparison
from skillray.evaluation.contrasts import contrasts_of, holm
from skillray.evaluation.gate import Finding, elsewhere, gate_of


def one(difference: float, low: float, high: float, p_value: float = 0.01) -> Comparison:
    return Comparison(difference=difference, low=low, high=high, wins=0, losses=0, p_value=p_value, num_questions=100)


def test_holm_by_hand() -> None:
    # Sorted .01 .02 .03 .04: times 4, 3, 2, 1 are .04 .06 .06 .04, and none may be below the one before it.
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.4, 0.5]) == pytest.approx([0.8, 0.8]) and holm([]) == []
    assert holm([0.03]) == [0.03]  # a family of one is not adjusted


def test_a_contrast_that_was_clear_alone_is_not_in_a_family() -> None:
    alone = contrasts_of({("stat-sel", "uniform"): one(0.03, 0.001, 0.06, 0.03)})
    assert alone[0].verdict == "stat-sel is ahead"
    family = contrasts_of(
        {("stat-sel", "uniform"): one(0.03, 0.001, 0.06, 0.03), ("stat-syn", "uniform"): one(-0.09, -0.12, -0.06, 1e-4)}
    )
    # Holm: 2 * 1e-4, then 1 * .03.
    assert [contrast.adjusted for contrast in family] == pytest.approx([0.03, 2e-4])
    assert [contrast.verdict for contrast in family] == ["stat-sel is ahead", "uniform is ahead"]
    three = contrasts_of({(f"arm{n}", "uniform"): one(0.03, 0.001, 0.06, 0.03) for n in range(3)})
    assert {contrast.verdict for contrast in three} == {"no clear difference"}  # 3 * .03 = .09
    assert json.loads(json.dumps(three[0].to_json()))["adjusted"] == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        (one(-0.05, -0.08, -0.02), Finding.WORSE),
        (one(-0.01, -0.015, -0.005), Finding.KEPT),  # surely worse, and less than the margin
        (one(-0.05, -0.12, 0.02), Finding.UNSURE),  # may be chance
        (one(0.01, -0.03, 0.05), Finding.UNSURE),
        (one(0.0, 0.0, 0.0), Finding.KEPT),
    ],
)
def test_what_is_not_the_task_may_lose_the_margin(found: Comparison, finding: Finding) -> None:
    assert elsewhere(found, 0.02) is finding


def test_the_gate_opens_for_a_better_task_and_nothing_worse() -> None:
    better, same, worse = one(0.1, 0.06, 0.14), one(0.0, -0.01, 0.01), one(-0.06, -0.1, -0.02)
    assert gate_of(("task", better), {"gsm8k": same}, 0.02).is_open
    assert not gate_of(("task", better), {"gsm8k": same, "mmlu": worse}, 0.02).is_open
    assert gate_of(("task", better), {"mmlu": worse}, 0.07).is_open  # within what was stated
    assert not gate_of(("task", one(0.02, -0.01, 0.05)), {}, 0.02).is_open
    assert json.loads(json.dumps(gate_of(("task", better), {}, 0.02).to_json()))["open"] is True
