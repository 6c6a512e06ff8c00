"""When two names are one skill."""

from __future__ import annotations

import pytest

from skillray.domains import DOMAINS
from skillray.skills.names import key, written


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Adding Fractions", "adding_fraction"),
        ("Pythagoras' theorem", "pythagoras-theorem"),
        ("probabilities", "Probability"),
        ("boxes & classes", "box class"),
        ("algebra/equations", "Algebra equation"),
        ("Th\u00e9or\u00e8me", "The\u0301ore\u0300me"),
        ("two-step sums", "Two - step sum"),
        ("#1 sums", "1 sum"),
    ],
)
def test_case_punctuation_and_plurals_tell_no_skills_apart(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("one_step_equation", "two_step_equation"),
        ("calculus", "calculu"),
        ("analysis", "analysi"),
        ("sums", "products"),
        ("C", "C++"),
        ("C", "C#"),
        ("x + a = b", "x - a = b"),
        ("sin(x)", "sin(-x)"),
        ("x^2", "x^-2"),
        ("a < b", "a > b"),
        ("हिन्दी", "हनद"),
    ],
)
def test_other_words_are_other_skills(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_the_skills_of_a_domain_stay_apart() -> None:
    skills = DOMAINS["arithmetic"].skills_of()
    assert len({key(skill) for skill in skills}) == len(skills) == len({written(skill) for skill in skills})


def test_names_are_written_as_ours_are() -> None:
    assert written("Chain rule (of Calculus)!") == "chain_rule_of_calculus"
    assert written("Algebra/Linear equations") == "algebra/linear_equations"
    assert written("Größe 数") == "grösse_数"
    assert written(" -- ") == written("/") == ""
