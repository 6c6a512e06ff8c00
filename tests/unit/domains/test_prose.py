"""What real models write: answers of Qwen2.5-Coder-0.5B-Instruct with verdicts by hand, and every form by itself."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillray.domains.arithmetic import ARITHMETIC
from skillray.domains.arithmetic.check import is_terse, read
from skillray.domains.arithmetic.claims import claims_of
from skillray.domains.arithmetic.expressions import value_of
from skillray.domains.arithmetic.plain import plain_lines
from skillray.types import Question, content_id

REAL = [json.loads(line) for line in (Path(__file__).parent / "real_answers.jsonl").read_text().splitlines()]


def ask(text: str, answer: str, *skills: str, solution: str = "") -> Question:
    return Question(
        question_id=content_id(text), question=text, answer=answer, solution=solution, skills=skills or ("main",)
    )


SUM = ask("What is 12+7?", "19", "addition_without_carry")
X = ask("Solve 3x+5=20.", "5", "two_step_equation")
QUOTIENT = ask("What is the quotient of 23 / 4?", "5", "division_with_remainder")
REMAINDER = ask("What is the remainder of 23 / 4?", "3", "division_with_remainder")


def marks(question: Question, response: str) -> list[float]:
    return [step.score for step in ARITHMETIC.check(question, response)]


@pytest.mark.parametrize("row", REAL, ids=[row["question"] for row in REAL])
def test_real_answers_by_hand(row) -> None:
    question = ask(row["question"], row["answer"], *row["skills"], solution=row["solution"])
    found = read(question, row["response"])
    assert [[step.text, int(step.score), step.skill] for step in found.steps] == row["steps"]
    assert found.unread == row["unread"]


def test_most_of_what_a_real_model_writes_is_read() -> None:
    read_, unread = sum(len(row["steps"]) - 1 for row in REAL), sum(row["unread"] for row in REAL)
    assert read_ / (read_ + unread) > 0.6  # the rest is Python, which says how and not what


@pytest.mark.parametrize(
    "text",
    [
        "12 \\times 7 = 84",
        "\\(12 \\times 7 = 84\\)",
        "$12 \\cdot 7 = 84$",
        "$$12 × 7 = \\boxed{84}$$",
        "12 * 7 = 84 apples.",
        "So 12 apples + 72 apples = 84 apples in all.",
        "First, we multiply 12 by 7 to get 84.",
        "Multiplying 12 and 7 gives us 84",
        "The product of 12 and 7 is 84.",
        "Adding 72 to 12, we get 84.",
        "Subtract 6 from 90 to get 84.",
        "Divide 168 by 2, which gives 84.",
        "12 times 7 is 84",
        "12 multiplied by 7 equals 84.",
        "70 plus 14 makes 84",
        "**Step 2:** 70 + 14 = 84",
        "- **Total**: 70 + 14 = **84**",
        "1. 90 - 6 = 84",
        "2) `168 / 2 = 84`",
        "### 3. 168 ÷ 2 = 84",
        "\\frac{168}{2} = 84",
        "\\dfrac{1}{2} \\times 168 = 84",
        "half of 168 is 84",
        "20\\% \\text{ of } 420 = 84",
        "3/4 of 112 is 84",
        "1,000 - 916 = 84",
        "$1{,}000 - 916 = 84$",
        "(70 + 14 = 84)",
        "84 = 70 + 14",
        "x × y: 12 x 7 = 84",
        "a_7 = 0 + 7 \\cdot 12 = 84",
        "\\text{Total} = 12 \\times 7 = 84 \\text{ pens}",
        "-6 + 90 = 84",
        "That is -6 + 90 = 84",
    ],
)
def test_forms_of_a_claim(text: str) -> None:
    """Each is read, and with another result it is wrong."""
    [line] = plain_lines(text)
    [claim] = claims_of(line.plain)
    assert Fraction(84) in {value_of(side) for side in claim.sides} and len({value_of(s) for s in claim.sides}) == 1
    [line] = plain_lines(text.replace("84", "85"))
    [claim] = claims_of(line.plain)
    assert len({value_of(side) for side in claim.sides}) == 2


@pytest.mark.parametrize(
    "text",
    [
        "We need to find 12 times 7.",
        "There are 12 bags of 7 pens.",
        "a_n = a_1 + 7 = 26",  # a word is an operand
        "n + 7 = 26",
        "total - 3 = 5",
        "5^2 = 25",
        "\\sqrt{16} = 4",
        "f(3) = 9",
        "sum(12, 7) = 18",
        "12 * 7 = n + 84",
        "7 = 84",
        "2/3 ≈ 0.67",
        "result = 12 * 7",
        "12 n + 3 = 5",
        "",
    ],
)
def test_what_is_no_claim_is_not_read_by_halves(text: str) -> None:
    assert [claim for line in plain_lines(text) for claim in claims_of(line.plain)] == []


def test_several_claims_of_a_line_and_an_equality_over_several_lines() -> None:
    [line] = plain_lines("12*7 = 84 pens, so 84 + 5 = 89, and 89 - 9 = 80.")
    assert [len(claim.sides) for claim in claims_of(line.plain)] == [2, 2, 2]
    rows = "\\begin{align*}\n12 \\times 7 &= 10 \\times 7 + 2 \\times 7 \\\\\n&= 70 + 14 \\\\\n&= 84\n\\end{align*}"
    [line] = plain_lines(rows)
    assert [len(claim.sides) for claim in claims_of(line.plain)] == [4]


def test_lines_without_a_claim_are_no_steps_and_worked_ones_are_counted() -> None:
    text = "Let us see.\nThere are 12 and 7.\nn = 12 + 7\n12 + 7 = 19\n```python\nprint(12 + 7)\n```\nThe answer is 19."
    found = read(SUM, text)
    assert [step.score for step in found.steps] == [1, 1]
    assert found.unread == 2  # n = 12 + 7, and the program


@pytest.mark.parametrize(
    ("question", "response", "expected"),
    [
        (SUM, "19", [1]),
        (SUM, "The answer is **19**.", [1]),
        (SUM, "It is 18.", [0]),
        (SUM, "I do not know.", [0]),
        (SUM, "<think>12 + 7 = 18? No.</think>12 + 7 = 19", [1, 1]),
        (SUM, "<think>12 + 7 = 19, so it is 19.", []),
        (SUM, "12 + 7 = 18, so the answer is 18.", [0, 0]),
        (SUM, "12 + 7 = 19\n#### 18", [1, 0]),
        (SUM, "\\boxed{19} because 12 + 7 = 19. Check: 19 - 7 = 12.", [1, 1]),
        (X, "3x + 5 = 20\n3x = 15\n\\(x = 5\\)", [1, 1, 1, 1]),
        (X, "3x + 5 = 20\n3x = 20 - 5\n\\frac{3x}{3} = \\frac{15}{3}\nx = 5", [1, 1, 1, 1, 1]),
        (X, "So 3x = 16.\nThen x = 16/3.", [0, 1, 0]),  # what follows from a wrong equation is right by itself
        (X, "3x + 5 = 20 for x: 3(5) + 5 = 20. x = 5", [1, 1]),
        (QUOTIENT, "23 ÷ 4 = 5 R 3", [1, 1]),
        (QUOTIENT, "23 / 4 = 5 with a remainder of 3", [1, 1]),
        (QUOTIENT, "23 / 4 = 5 with a remainder of 2.", [0, 1]),
        (QUOTIENT, "The quotient of 23 divided by 4 is 6.", [0, 0]),
        (REMAINDER, "23 divided by 4 is 5 with a remainder of 3.", [1, 1]),
        (REMAINDER, "4 * 5 = 20\n23 - 20 = 3\nThe remainder is 3.", [1, 1, 1]),
        (REMAINDER, "\\(23 \\mod 4 = 3\\)", [1, 1]),
        (ask("Add 1/4+3/8.", "5/8"), "\\[ \\frac14 + \\frac{3}{8} = \\frac{2+3}{8} = \\frac{5}{8} \\]", [1, 1]),
        (ask("Add 1/4+3/8.", "5/8"), "It is \\(\\boxed{\\frac{10}{16}}\\).", [1]),
        (ask("Add 1/2+2.", "5/2"), "\\[ \\frac{1}{2} + 2 = 2\\frac{1}{2} \\]", [1, 1]),
        (ask("What is 7-9?", "-2"), "The answer is -2.", [1]),
    ],
)  # fmt: skip
def test_scores_by_hand(question: Question, response: str, expected: list[float]) -> None:
    assert marks(question, response) == expected


def test_the_skill_is_of_the_one_operation_that_went_wrong() -> None:
    product = ask("What is 23*4?", "92", "multiplication_in_steps", solution="20*4=80\n3*4=12\n80+12=92\n#### 92")
    [wrong, last] = ARITHMETIC.check(product, "We add: 80 + 12 = 82.")
    assert (wrong.score, wrong.skill) == (0, "addition_without_carry")
    assert (last.score, last.skill) == (0, "addition_without_carry")  # the answer passes it on
    [wrong, _] = ARITHMETIC.check(product, "So 20 * 4 + 3 * 4 = 82.")
    assert wrong.skill == "multiplication_in_steps"  # which of three operations, nobody knows


@pytest.mark.parametrize("skill", ARITHMETIC.skills_of())
def test_the_domain_s_own_solutions_stay_in_its_own_form(skill: str) -> None:
    import random

    for level in (1, 2, 3):
        question = ARITHMETIC.generate(skill, level, random.Random(level))
        assert is_terse(question.solution) and ARITHMETIC.unread(question, question.solution) == 0
        assert {step.score for step in ARITHMETIC.check(question, question.solution)} == {1.0}
        spaced = question.solution.replace("=", " = ").replace("*", " \\times ")
        assert not is_terse(spaced)
        assert {step.score for step in ARITHMETIC.check(question, spaced)} == {1.0}, spaced


@pytest.mark.parametrize(
    "text",
    [
        "\\frac{" * 5000 + "1",
        "{" * 20_000,
        "12 apples " * 5000 + "= 3",
        "multiply 12 by " * 3000,
        "1,000" * 4000,
        "a = 1 " * 3000,
        "\\boxed{" * 3000 + "1",
        "(" * 400 + "1" + ")" * 400 + " = 1",
        "the remainder of " * 2000 + "5",
        "9" * 400 + " + 1 = 2 so",
        "1 / 0 = 5 so",
        "x " * 10_000,
    ],
)
def test_hostile_text_is_read_in_no_time(text: str) -> None:
    begin = time.perf_counter()
    for question in (SUM, X, QUOTIENT):
        assert len(ARITHMETIC.check(question, text)) <= 202
    assert time.perf_counter() - begin < 3


@given(st.text(alphabet="12x+-*/=()., \\frac{}$%aRof\n", max_size=120), st.sampled_from([SUM, X, QUOTIENT]))
@settings(max_examples=300, deadline=None)
def test_any_text_is_scored(text: str, question: Question) -> None:
    found = read(question, text)
    assert all(step.score in (0, 1) for step in found.steps) and found.unread >= 0
