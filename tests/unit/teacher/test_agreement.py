"""STAT-Syn's agreement filter by hand."""

from __future__ import annotations

from fractions import Fraction

from skillray.teacher.agreement import Agreement, agree


def same(left: str, right: str) -> bool:
    return Fraction(left) == Fraction(right)


def test_two_of_three_agree() -> None:
    found = agree(["so 1/2", "so 2/4", "so 3"], ["1/2", "2/4", "3"], same)
    assert found == Agreement(score=2, answer="1/2", solutions=("so 1/2", "so 2/4"))


def test_nobody_agrees() -> None:
    assert agree(["a", "b", "c"], ["1", "2", None], same) == Agreement(score=1, answer=None, solutions=())
    assert agree(["a"], [None], same) == Agreement(score=0, answer=None, solutions=())


def test_solutions_without_an_answer_agree_with_nothing() -> None:
    assert agree(["a", "b", "c"], [None, None, "1"], same).score == 1


def test_identical_texts_are_kept_once_and_count_each() -> None:
    assert agree(["x", "x", "y"], ["1", "1", "1"], same) == Agreement(score=3, answer="1", solutions=("x", "y"))


def test_the_earlier_of_two_equal_groups() -> None:
    found = agree(["a", "b", "c", "d"], ["2", "1", "1", "2"], same)
    assert (found.score, found.answer) == (2, "2")
    assert agree(["a"], ["2"], same, min_agreement=1).solutions == ("a",)
