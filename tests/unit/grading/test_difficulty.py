"""STAT's reward filter and AdaptMI's, by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillray.errors import DataError
from skillray.grading.difficulty import AdaptmiFilter, StatFilter, judged_sample

SCORES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8)
STAT, ADAPTMI = StatFilter(), AdaptmiFilter()


@pytest.mark.parametrize(
    ("scores", "difficult"),
    [
        ([0.9, 0.8, 0.3, 0.9, 0.9], True),  # mean 3.8 / 5 = .76, and step 3
        ([1.0, 1.0, 0.7, 1.0, 1.0, 1.0], True),  # mean .95; step 3 is at tau2, and at is below
        ([1.0, 1.0, 0.71, 1.0, 1.0, 1.0], False),
        ([1.0, 1.0, 1.0, 0.85], True),  # the last step is at tau1
        ([1.0, 1.0, 1.0, 0.86], False),
        ([0.71, 0.71, 1.0, 1.0], False),  # mean 3.42 / 4 = .855 passes
        ([0.75, 0.75, 0.75, 1.0], True),  # mean .8125 does not, though no step is bad by itself
        ([0.86], False),
        ([0.85], True),
        ([], True),
    ],
)
def test_stat_filter(scores: list[float], difficult: bool) -> None:
    assert STAT.is_difficult(scores) is difficult


def test_the_mean_at_tau1_is_difficult() -> None:
    # dyadic numbers, so that the mean is exact: (.5 + 1 + 1 + 1) / 4 = .875
    assert StatFilter(tau1=0.875, tau2=0.25).is_difficult([0.5, 1.0, 1.0, 1.0])
    assert not StatFilter(tau1=0.8749, tau2=0.25).is_difficult([0.5, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("scores", "stat", "adaptmi"),
    [
        ([0.6, 1.0, 1.0, 1.0, 1.0], True, False),  # a bad first step (mean .92): AdaptMI does not look at it
        ([1.0, 0.6, 1.0, 1.0, 1.0], True, True),
        ([1.0, 1.0, 1.0, 1.0, 0.88], False, True),  # the shipped tau1 is .9
    ],
)
def test_the_two_filters_differ(scores: list[float], stat: bool, adaptmi: bool) -> None:
    assert (STAT.is_difficult(scores), ADAPTMI.is_difficult(scores)) == (stat, adaptmi)


def test_adaptmi_holds_the_last_step_to_tau2_and_stat_does_not() -> None:
    scores = [1.0, 1.0, 1.0, 0.5]  # mean .875
    assert not StatFilter(tau1=0.4, tau2=0.7).is_difficult(scores)
    assert AdaptmiFilter(tau1=0.4, tau2=0.7).is_difficult(scores)


@given(SCORES, st.data())
def test_a_lower_score_never_makes_a_question_easy(scores: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(scores) - 1))
    lower = [*scores[:place], data.draw(st.floats(0.0, scores[place])), *scores[place + 1 :]]
    for rule in (STAT, ADAPTMI):
        assert rule.is_difficult(lower) or not rule.is_difficult(scores)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.1])
def test_a_score_that_is_no_probability_is_refused(bad: float) -> None:
    for call in (STAT.is_difficult, ADAPTMI.is_difficult, lambda scores: judged_sample([scores])):
        with pytest.raises(DataError, match="step score 2 of 2"):
            call([0.9, bad])


def test_the_sample_with_the_highest_mean_is_judged() -> None:
    assert judged_sample([[0.9, 0.1], [0.6, 0.6], [0.6]]) == 1  # means .5, .6, .6: the earlier of two
    assert judged_sample([[], [0.0]]) == 1
    assert judged_sample([[], []]) == 0
