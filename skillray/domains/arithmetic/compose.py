"""Easy questions put together to a harder one: each is worked out, and what they come to is worked on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from skillray.domains.arithmetic.check import check
from skillray.domains.arithmetic.graph import skill_of_operation
from skillray.domains.arithmetic.reference import read_number, reference_of
from skillray.types import Question, content_id

MAX_CHARS = 400
"""Most characters of a composed question: composing composed questions again soon makes long texts."""
MAX_SKILLS = 5
"""Most skills that a question is labelled with."""
_LARGEST_FACTOR = 12
_LETTERS = "ABCD"
_WORDS = {"+": "plus", "-": "minus", "*": "times"}


def compose(questions: Sequence[Question], rng: random.Random) -> Question | None:
    """`A is the answer to: What is 12+7? B is the answer to: What is 6*5? What is A plus B?`, solved step by step.

    It takes the steps of all of them and one more for each after the first. None where that cannot be done exactly:
    an answer is no whole number of 0 or more, two of them ask for an x, a solution is wrong, or the text gets too long.
    """
    if not 2 <= len(questions) <= len(_LETTERS) or not all(map(_is_usable, questions)):
        return None
    if sum(reference_of(question).has_unknown for question in questions) > 1:
        return None

    steps = _chain([int(question.answer) for question in questions], rng)
    parts = [f"{letter} is the answer to: {q.question}" for letter, q in zip(_LETTERS, questions, strict=False)]

    asked = "A"
    for step, letter in zip(steps, _LETTERS[1:], strict=False):
        asked += f" {_WORDS[step.sign]} {letter}"
    composed = _made(f"{' '.join(parts)} What is {asked}?", questions, steps)
    return composed if _is_exact(composed) else None


def _is_usable(question: Question) -> bool:
    """True if the checker finds the solution right, and its steps reach or use the answer, a whole number of 0 or more.

    Only then does a further step that works with the answer belong to a right solution.
    """
    answer, reference = read_number(question.answer), reference_of(question)
    if answer is None or answer.denominator != 1 or answer < 0 or str(answer) != question.answer.strip():
        return False
    steps = check(question, question.solution)
    at_hand = reference.results | reference.constants | reference.given
    return bool(steps) and all(step.score == 1.0 for step in steps) and answer in at_hand


@dataclass(frozen=True, slots=True)
class _Step:
    sign: str
    left: int
    right: int

    @property
    def result(self) -> int:
        return {"+": self.left + self.right, "-": self.left - self.right, "*": self.left * self.right}[self.sign]


def _chain(values: Sequence[int], rng: random.Random) -> list[_Step]:
    """Steps that combine the values from left to right, with random signs. Products stay small, nothing is negative.

    A product comes only first: read as it is written, A plus B times C would be another number.
    """
    steps: list[_Step] = []
    total = values[0]
    for value in values[1:]:
        fits = ["+", *(["-"] if total > value else [])]
        if not steps and 1 < total <= _LARGEST_FACTOR and 1 < value <= _LARGEST_FACTOR:
            fits.append("*")
        steps.append(_Step(rng.choice(fits), total, value))
        total = steps[-1].result
    return steps


def _made(text: str, questions: Sequence[Question], steps: Sequence[_Step]) -> Question:
    lines: list[str] = []
    for question in questions:
        lines += [line for line in question.solution.splitlines() if not line.startswith("####")]
    lines += [f"{step.left}{step.sign}{step.right}={step.result}" for step in steps]
    answer = str(steps[-1].result)
    added = [skill_of_operation(step.sign, Fraction(step.left), Fraction(step.right)) for step in steps]
    skills = dict.fromkeys([*(skill for question in questions for skill in question.skills), *added])
    return Question(
        question_id=content_id("arithmetic", text),
        question=text,
        answer=answer,
        solution="\n".join([*lines, f"#### {answer}"]),
        skills=tuple(skills)[:MAX_SKILLS],
        subject="arithmetic",
        level=1 + max(question.level or 1 for question in questions),
    )


def _is_exact(question: Question) -> bool:
    return len(question.question) <= MAX_CHARS and all(step.score == 1.0 for step in check(question, question.solution))
