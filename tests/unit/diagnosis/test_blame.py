"""Which label is to blame, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillray.diagnosis.blame import failure_rates, shares, to_blame

PREREQUISITE = [
    *[(("times",), n < 1) for n in range(10)],  # done at 90% by itself
    *[(("order", "times"), n < 6) for n in range(10)],
    *[(("percent", "times"), n < 8) for n in range(10)],
]


def test_one_label_a_question_is_the_share_that_failed() -> None:
    rates = failure_rates([(("a",), True), (("a",), False), (("a",), False), (("b",), True), ((), True)])
    assert rates == {"a": pytest.approx(1 / 3), "b": pytest.approx(1.0)}
    assert failure_rates([(("a", "b"), False)]) == {"a": 0.0, "b": 0.0}
    assert failure_rates([]) == {}


def test_a_prerequisite_that_is_done_elsewhere_is_not_to_blame() -> None:
    """By counting, `times` stands on 15 of 15 failures. The likeliest rates fit .1, .6 and .8 of questions exactly:
    f(times) = .1, 1 - (1 - .1)(1 - f) = .6 and .8, so that f(order) = .5 / .9 and f(percent) = .7 / .9."""
    rates = failure_rates(PREREQUISITE)
    assert rates == pytest.approx({"order": 5 / 9, "percent": 7 / 9, "times": 0.1}, abs=1e-3)
    assert to_blame(("order", "times"), rates) == ["order"]
    assert to_blame(("times", "percent"), rates) == ["percent"]
    assert to_blame(("times",), rates) == ["times"]  # of its own questions nothing else can be


def test_shares_by_hand() -> None:
    assert shares(("a", "b"), {"a": 0.5, "b": 0.2}) == pytest.approx({"a": 0.5 / 0.6, "b": 0.2 / 0.6})
    assert to_blame(("a", "b", "c"), {"a": 0.4, "b": 0.2, "c": 0.19}) == ["a", "b"]  # half as likely is enough
    assert to_blame(("a", "b"), {"a": 0.0, "b": 0.0}) == ["a", "b"]  # nothing tells them apart
    assert to_blame((), {}) == []


def test_labels_that_always_stand_together_share_the_blame() -> None:
    rates = failure_rates([(("a", "b"), n < 3) for n in range(4)])
    assert rates == pytest.approx({"a": 0.5, "b": 0.5})  # 1 - .5 x .5 = .75
    assert to_blame(("a", "b"), rates) == ["a", "b"]


@given(st.lists(st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), st.booleans()), max_size=30))
def test_rates_are_shares_and_every_failure_is_blamed_on_something(questions) -> None:
    rates = failure_rates(questions)
    assert all(0.0 <= rate <= 1.0 + 1e-9 for rate in rates.values())
    for labels, _ in questions:
        assert set(to_blame(labels, rates)) <= set(labels) and to_blame(labels, rates)
