"""The arithmetic domain: its questions, its graph and its splits."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from skillray.domains import DOMAINS
from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.arithmetic.domain import GENERATORS, MAX_SKILLS
from skillray.domains.arithmetic.graph import GRAPH, has_borrow, has_carry, skill_of_operation
from skillray.domains.arithmetic.questions import make_questions
from skillray.domains.arithmetic.split import SPLITS, is_held_out, split_of
from skillray.errors import DataError
from skillray.types import Question, content_id


def draw(skill: str, level: int, seed: int) -> Question:
    return ARITHMETIC.generate(skill, level, random.Random(seed))


def test_the_domain_is_in_the_table_and_every_skill_has_a_generator() -> None:
    assert DOMAINS["arithmetic"] is ARITHMETIC
    assert tuple(ARITHMETIC.skills_of()) == GRAPH.skills == tuple(GENERATORS)
    assert len(GRAPH.skills) == 18
    assert max(GRAPH.depth().values()) >= 4


@pytest.mark.parametrize("skill", GRAPH.skills)
def test_a_question_is_complete_and_its_own_steps_pass(skill: str) -> None:
    for level in (1, 2, 3):
        for seed in range(60):
            question = draw(skill, level, seed)
            assert question.skills[0] == skill
            assert len(question.skills) == len(set(question.skills)) <= MAX_SKILLS
            assert set(question.skills) <= set(GRAPH.skills)
            assert question.question_id == content_id("arithmetic", question.question)
            assert (question.subject, question.level) == ("arithmetic", level)
            assert question.solution.endswith(f"\n#### {question.answer}")
            scores = ARITHMETIC.check(question, question.solution)
            assert [score.score for score in scores] == [1.0] * len(scores), question


@pytest.mark.parametrize("skill", GRAPH.skills)
def test_the_generator_depends_on_the_seed_alone(skill: str) -> None:
    assert [draw(skill, 2, seed) for seed in range(20)] == [draw(skill, 2, seed) for seed in range(20)]


def test_solutions_are_short() -> None:
    lengths = [len(draw(skill, 3, seed).solution) for skill in GRAPH.skills for seed in range(20)]
    assert max(lengths) <= 60


def test_unknown_skill_and_level_are_one_line_errors() -> None:
    with pytest.raises(DataError, match="'calculus' is not one of its skills"):
        draw("calculus", 1, 0)
    with pytest.raises(DataError, match="level must be 1, 2 or 3, not 4"):
        draw("percentage", 4, 0)


@pytest.mark.parametrize(
    ("sign", "left", "right", "skill"),
    [
        ("+", 42, 35, "addition_without_carry"),
        ("+", 47, 38, "addition_with_carry"),
        ("+", 5, 108, "addition_with_carry"),
        ("-", 48, 35, "subtraction_without_borrow"),
        ("-", 43, 35, "subtraction_with_borrow"),
        ("-", 12, 30, "negative_numbers"),
        ("+", -7, 4, "negative_numbers"),
        ("*", 7, 80, "single_digit_multiplication"),
        ("*", 23, 4, "multiplication_in_steps"),
        ("/", 84, 4, "exact_division"),
        ("/", 47, 5, "division_with_remainder"),
    ],
)
def test_the_skill_of_one_operation(sign: str, left: int, right: int, skill: str) -> None:
    from fractions import Fraction

    assert skill_of_operation(sign, Fraction(left), Fraction(right)) == skill


def test_carry_and_borrow_by_hand() -> None:
    assert has_carry(47, 38) and has_carry(91, 12) and not has_carry(42, 35)
    assert has_borrow(52, 38) and has_borrow(108, 9) and not has_borrow(58, 35)


def test_split_shares() -> None:
    shares = Counter(split_of(content_id("q", i)) for i in range(20_000))
    assert {split: round(shares[split] / 20_000, 2) for split in SPLITS} == {
        "pool": pytest.approx(0.70, abs=0.02),
        "profile": pytest.approx(0.10, abs=0.02),
        "tune": pytest.approx(0.05, abs=0.02),
        "held_out": pytest.approx(0.15, abs=0.02),
    }
    assert not is_held_out(next(content_id("q", i) for i in range(99) if split_of(content_id("q", i)) == "pool"))


@pytest.mark.parametrize(("split", "per_skill"), [("pool", 600), ("profile", 40), ("tune", 30), ("held_out", 100)])
def test_every_skill_has_enough_distinct_questions(split: str, per_skill: int) -> None:
    questions = make_questions(split, per_skill, seed=0)
    assert Counter(question.skills[0] for question in questions) == dict.fromkeys(GRAPH.skills, per_skill)
    assert {split_of(question.question_id) for question in questions} == {split}
    by_skill = {(question.skills[0], question.question_id) for question in questions}
    assert len(by_skill) == len(questions)
    assert {question.level for question in questions} == {1, 2, 3}


def test_questions_are_a_function_of_their_arguments() -> None:
    few = make_questions("profile", 5, 3, skills=["percentage"], levels=(2,))
    assert few == make_questions("profile", 5, 3, skills=["percentage"], levels=(2,))
    assert few != make_questions("profile", 5, 4, skills=["percentage"], levels=(2,))
    assert {question.level for question in few} == {2}


def test_an_exhausted_skill_and_an_unknown_split_say_so() -> None:
    with pytest.raises(DataError, match=r"single_digit_multiplication has only \d+ distinct questions in tune"):
        make_questions("tune", 5000, 0, skills=["single_digit_multiplication"], levels=(1,))
    with pytest.raises(DataError, match="split must be one of pool, profile, tune, held_out, not 'test'"):
        make_questions("test", 1, 0)


@pytest.mark.parametrize(
    ("split", "scarcest"),
    [
        ("pool", "single_digit_multiplication"),
        ("profile", "exact_division"),
        ("held_out", "single_digit_multiplication"),
    ],
)
def test_a_split_has_as_many_questions_of_a_skill_as_it_says_and_no_more(split: str, scarcest: str) -> None:
    most = ARITHMETIC.most_per_skill[split]
    small = ("single_digit_multiplication", "exact_division")
    assert len(make_questions(split, most, seed=5, skills=small)) == 2 * most
    with pytest.raises(DataError, match=f"{scarcest} has only {most} distinct questions"):
        make_questions(split, most + 1, seed=5, skills=small[::-1] if scarcest == small[1] else small)
