"""Textbook passages and composed questions of the arithmetic domain: exact, and not held out."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.arithmetic.domain import GENERATORS
from skillray.domains.arithmetic.split import is_held_out
from skillray.domains.arithmetic.textbook import NUM_EXAMPLES, NUM_HOMEWORK
from skillray.types import Question, content_id

SUM = Question(question_id=b"", question="What is 12+7?", answer="19", solution="12+7=19\n#### 19", skills=("plus",))
PRODUCT = Question(
    question_id=b"", question="What is 6*5?", answer="30", solution="6*5=30\n#### 30", skills=("times",), level=2
)


@pytest.mark.parametrize("skill", GENERATORS)
def test_a_passage_says_what_the_skill_builds_on_and_shows_it_right(skill: str) -> None:
    for seed in range(5):
        text = ARITHMETIC.textbook(skill, random.Random(seed))
        for need in ARITHMETIC.graph.prerequisites[skill]:
            assert need.replace("_", " ") in text
        lines = text.splitlines()
        asked = [line.partition(": ")[2] for line in lines if line.startswith(("Example: ", "Homework: "))]
        assert len(asked) == NUM_EXAMPLES + NUM_HOMEWORK
        assert not any(is_held_out(content_id("arithmetic", question)) for question in asked)
        assert sum(line.startswith("#### ") for line in lines) == NUM_EXAMPLES  # homework has no answers
        for line in lines:
            if "=" in line and not line.startswith(("Example: ", "Homework: ")):
                scores = ARITHMETIC.check(replace(SUM, question=line, solution=line, answer="0"), line)
                assert scores[0].score == 1.0, line


def test_two_easy_questions_make_one_that_needs_both() -> None:
    found = [ARITHMETIC.compose((SUM, PRODUCT), random.Random(seed)) for seed in range(20)]
    assert {one.question for one in found if one} == {
        "A is the answer to: What is 12+7? B is the answer to: What is 6*5? What is A plus B?"  # 30 > 19, 19 > 12
    }
    made = found[0]
    assert made is not None and made.solution == "12+7=19\n6*5=30\n19+30=49\n#### 49" and made.answer == "49"
    assert (made.skills, made.level) == (("plus", "times", "addition_without_carry"), 3)


def test_the_other_way_round_they_can_be_taken_away() -> None:
    found = {one.solution for s in range(20) if (one := ARITHMETIC.compose((PRODUCT, SUM), random.Random(s)))}
    assert found == {"6*5=30\n12+7=19\n30-19=11\n#### 11", "6*5=30\n12+7=19\n30+19=49\n#### 49"}


@pytest.mark.parametrize(
    "other",
    [
        replace(SUM, answer="20", solution="12+7=20\n#### 20"),  # wrong
        replace(SUM, answer="21", solution="12+7=19\n#### 21"),  # another answer than its steps come to
        replace(SUM, answer="19 apples"),
        replace(SUM, question="What is 1/4+1/4?", answer="1/2", solution="1/4+1/4=1/2\n#### 1/2"),
        replace(SUM, question="Why?", answer="because", solution="So it is."),
    ],
)
def test_what_cannot_be_put_together_exactly_is_not(other: Question) -> None:
    assert ARITHMETIC.compose((PRODUCT, other), random.Random(0)) is None


def test_two_unknowns_one_question_and_too_much_text_are_none() -> None:
    x = Question(question_id=b"", question="Find x: x+3=7.", answer="4", solution="7-3=4\n#### 4", skills=("x",))
    assert ARITHMETIC.compose((x, PRODUCT), random.Random(0)) is not None
    assert ARITHMETIC.compose((x, x), random.Random(0)) is None
    assert ARITHMETIC.compose((SUM,), random.Random(0)) is None
    made = SUM
    for _ in range(8):
        nested = ARITHMETIC.compose((made, SUM), random.Random(0))
        if nested is None:
            break
        made = nested
    assert nested is None and 200 < len(made.question) <= 400


def test_composed_questions_of_all_skills_are_right_and_take_more_steps() -> None:
    rng, made, skills = random.Random(3), 0, [*GENERATORS]
    for _ in range(400):
        easy = [ARITHMETIC.generate(rng.choice(skills), rng.randint(1, 3), rng) for _ in range(rng.choice((2, 3)))]
        hard = ARITHMETIC.compose(easy, rng)
        if hard is None:
            continue
        made += 1
        assert {step.score for step in ARITHMETIC.check(hard, hard.solution)} == {1.0}
        lines = [len(question.solution.splitlines()) - 1 for question in easy]
        assert len(hard.solution.splitlines()) - 1 == sum(lines) + len(easy) - 1
        assert hard.level == 1 + max(question.level or 0 for question in easy)
    assert made > 250
