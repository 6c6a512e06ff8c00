"""Reference solutions with their sums and products turned round."""

from __future__ import annotations

import random

import pytest

from skillray.domains import DOMAINS
from skillray.types import Question


def rewrites(question: str, answer: str, *steps: str) -> set[str]:
    """All that 200 seeds give, steps joined by ';'."""
    solution = "\n".join((*steps, f"#### {answer}"))
    asked = Question(question_id=bytes(16), question=question, answer=answer, solution=solution, skills=("s",))
    found = {DOMAINS["arithmetic"].rewrite(asked, random.Random(seed)) for seed in range(200)}
    return {str(text).replace("\n", ";").removesuffix(f";#### {answer}") for text in found}


def test_every_choice_of_turned_steps_but_none() -> None:
    # three steps that can be turned: 2^3 - 1 ways
    first, second, third = (("20*4=80", "4*20=80"), ("3*4=12", "4*3=12"), ("80+12=92", "12+80=92"))
    every = {f"{a};{b};{c}" for a in first for b in second for c in third}
    assert rewrites("Work out 23*4.", "92", first[0], second[0], third[0]) == every - {"20*4=80;3*4=12;80+12=92"}


@pytest.mark.parametrize(
    ("question", "answer", "step", "rewritten"),
    [
        ("Add 1/8+2/8.", "3/8", "1/8+2/8=3/8", "2/8+1/8=3/8"),
        ("What is 9-4?", "5", "9-4=5", "9-4=5"),  # nothing can be turned: the reference itself
        ("What is 3*3?", "9", "3*3=9", "3*3=9"),
        ("-3+5 = ?", "2", "-3+5=2", "-3+5=2"),  # 5+-3 is no way to write it
    ],
)
def test_one_step(question: str, answer: str, step: str, rewritten: str) -> None:
    assert rewrites(question, answer, step) == {rewritten}


@pytest.mark.parametrize("solution", ["", "There are $\\boxed{7}$ of them.", "3+4=8\n#### 7", "3+4=7"])
def test_what_the_checker_does_not_find_right_is_of_another_world(solution: str) -> None:
    asked = Question(question_id=bytes(16), question="3+4?", answer="7", solution=solution, skills=("s",))
    assert DOMAINS["arithmetic"].rewrite(asked, random.Random(0)) is None
