"""The step checker, by hand and by corruption."""

from __future__ import annotations

import random
import re
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.arithmetic.check import MAX_STEPS, check, first_wrong_skill
from skillray.domains.arithmetic.expressions import ExpressionError, parse, value_of
from skillray.domains.arithmetic.graph import GRAPH
from skillray.types import Question, content_id


def question(text: str, solution: str, skill: str) -> Question:
    answer = solution.rpartition("#### ")[2]
    return Question(question_id=content_id(text), question=text, answer=answer, solution=solution, skills=(skill,))


EQUATION = question("Solve 3x+5=20.", "20-5=15\n15/3=5\n#### 5", "two_step_equation")
BORROW = question("Solve 4x+35=63.", "63-35=28\n28/4=7\n#### 7", "two_step_equation")
PRODUCT = question("What is 23*4?", "20*4=80\n3*4=12\n80+12=92\n#### 92", "multiplication_in_steps")
SUM = question("What is 47+38?", "47+38=85\n#### 85", "addition_with_carry")
ORDER = question("What is 3+4*5?", "4*5=20\n3+20=23\n#### 23", "order_of_operations")
FRACTIONS = question("Add 1/4+3/8.", "1/4=2/8\n2/8+3/8=5/8\n#### 5/8", "fraction_addition")


def marks(asked: Question, *lines: str) -> list[float]:
    return [score.score for score in check(asked, "\n".join(lines))]


@pytest.mark.parametrize(
    ("asked", "lines", "expected"),
    [
        (EQUATION, ("20-5=15", "15/3=5", "#### 5"), [1, 1, 1]),
        (EQUATION, ("20-5=15", "3x=15", "x=5", "#### 5"), [1, 1, 1, 1]),
        (EQUATION, ("3x=15", "15/3=5", "#### 5"), [1, 1, 1]),
        (EQUATION, ("3x=16", "#### 5"), [0, 1]),
        (EQUATION, ("(20-5)/3=5", "#### 5"), [1, 1]),
        (EQUATION, ("2+2=4", "20-5=15", "15/3=5", "#### 5"), [0, 1, 1, 1]),
        (EQUATION, ("20+5=25", "25/3=5", "#### 5"), [0, 0, 1]),
        (EQUATION, ("5=5", "x=x", "#### 5"), [0, 0, 1]),
        (PRODUCT, ("4*20=80", "4*3=12", "12+80=92", "#### 92"), [1, 1, 1, 1]),
        (PRODUCT, ("23*4=92", "#### 92"), [1, 1]),
        (PRODUCT, ("20*4+3*4=80+12=92", "#### 92"), [1, 1]),
        (PRODUCT, ("23+4=27", "#### 27"), [0, 0]),
        (ORDER, ("3+4=7", "7*5=35", "#### 35"), [0, 0, 0]),
        (ORDER, ("3+4=7", "4*5=20", "20+3=23", "#### 23"), [0, 1, 1, 1]),
        (ORDER, ("3 + 4 × 5 = 23.", "#### 23"), [1, 1]),
        (FRACTIONS, ("1/4+3/8=5/8", "#### 5/8"), [1, 1]),
        (FRACTIONS, ("1/4=3/8", "#### 5/8"), [0, 1]),
        (FRACTIONS, ("1/4=25/100", "1/4+3/8=5/8", "#### 10/16"), [0, 1, 1]),
        (SUM, ("So 47+38=85 it is.", "#### 85"), [1, 1]),
        (SUM, ("I think so.", "#### 85"), [1]),  # nothing is claimed: neither right nor wrong
        (SUM, ("47+38", "#### 85"), [0, 1]),  # in the terse form it is a step without an end
        (SUM, ("47+38=85",), [1, 0]),
        (SUM, ("#### 85.", "#### 84"), [1, 0]),
        (SUM, ("47+38=85", "#### 85 apples"), [1, 0]),
        (SUM, (), []),
    ],
)
def test_scores_by_hand(asked: Question, lines: tuple[str, ...], expected: list[float]) -> None:
    assert marks(asked, *lines) == expected


def test_a_wrong_result_is_blamed_once_and_later_steps_are_judged_on_their_own() -> None:
    scores = check(BORROW, "63-35=32\n32/4=8\n#### 8")
    assert [score.score for score in scores] == [0, 1, 0]
    assert [score.skill for score in scores] == ["subtraction_with_borrow", "exact_division", "subtraction_with_borrow"]


@pytest.mark.parametrize(
    ("asked", "response", "skill"),
    [
        (BORROW, "63-35=38\n38/4=9\n#### 9", "subtraction_with_borrow"),
        (BORROW, "63-35=28\n28/4=6\n#### 6", "exact_division"),
        (BORROW, "63+35=98\n98/4=24\n#### 24", "two_step_equation"),
        (BORROW, "63-35=28\n28/4=7\n#### 28", "two_step_equation"),
        (BORROW, "63-35=28", "two_step_equation"),
        (BORROW, "", "two_step_equation"),
        (BORROW, "63-35=28\n28/4=7\n#### 7", None),
        (PRODUCT, "20*4=60\n3*4=12\n60+12=72\n#### 72", "single_digit_multiplication"),
        (PRODUCT, "20*4=80\n3*4=12\n80+12=82\n#### 82", "addition_without_carry"),
        (PRODUCT, "20*4=80\n#### 80", "multiplication_in_steps"),
        (FRACTIONS, "1/4+3/8=4/12\n#### 4/12", "fraction_addition"),
    ],
)
def test_the_first_wrong_skill(asked: Question, response: str, skill: str | None) -> None:
    assert first_wrong_skill(asked, response) == skill


@pytest.mark.parametrize("skill", GRAPH.skills)
def test_any_changed_number_costs_a_step(skill: str) -> None:
    for level in (1, 2, 3):
        for seed in range(25):
            rng = random.Random(seed)
            asked = ARITHMETIC.generate(skill, level, rng)
            for number in re.finditer(r"\d+", asked.solution):
                changed = int(number.group()) + rng.choice((-1, 1, 2, 10))
                wrong = asked.solution[: number.start()] + str(changed) + asked.solution[number.end() :]
                assert min(score.score for score in check(asked, wrong)) == 0, (asked, wrong)
                assert first_wrong_skill(asked, wrong) in GRAPH.skills


HOSTILE = [
    "1+" * 500_000 + "1=2",
    "9" * 1_000_000 + "=1",
    "(" * 1_000_000 + ")" * 1_000_000 + "=1",
    "((((((((((((1))))))))))))=1",
    "9**9**9=1",
    "9" * 12 + "*" + "*".join(["999999999999"] * 12) + "=1",
    "١+١=٢",
    "1/0=5",
    "1%%%%=1",
    "=" * 5000,
    "=1",
    "1=",
    "#### " + "9" * 500_000,
    "#### 1/0",
    "####",
    "__import__('os').system('true')=0",
    "\x00\ud800 1+1=2",
    "1+1=2\n" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_only_wrong(text: str) -> None:
    begin = time.process_time()
    scores = check(SUM, text)
    assert time.process_time() - begin < 2
    assert 0 < len(scores) <= MAX_STEPS + 2
    assert not any(score.score for score in scores)
    assert all(len(score.text) <= 200 for score in scores)


@given(st.text(max_size=300), st.sampled_from([EQUATION, PRODUCT, FRACTIONS]))
@settings(max_examples=200, deadline=None)
def test_any_text_is_scored(text: str, asked: Question) -> None:
    assert all(score.score in (0, 1) for score in check(asked, text))


@given(st.from_regex(r"[-+*/()0-9.x=%]{1,40}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_any_expression_like_text_is_scored(text: str) -> None:
    assert all(score.score in (0, 1) for score in check(EQUATION, text))


@pytest.mark.parametrize(
    ("text", "value"),
    [("2+3*4", 14), ("(2+3)*4", 20), ("-7+4", -3), ("12*-2", -24), ("3/4+1/4", 1), ("0.5*4", 2), ("50%*8", 4)],
)
def test_values(text: str, value: int) -> None:
    assert value_of(parse(text)) == value


def test_the_unknown_and_what_is_refused() -> None:
    assert value_of(parse("3x+5", Fraction(5))) == 20
    for text in ("", "2**3", "1,5", "3x", "2+", "abs(1)", "1e9", "(1", "1)"):
        with pytest.raises(ExpressionError):
            parse(text)
