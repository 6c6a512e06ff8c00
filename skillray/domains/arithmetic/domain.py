"""The arithmetic domain: it makes the whole system run, and be tested, without a download."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from skillray.domains.arithmetic import equations, fractions, products, sums, words
from skillray.domains.arithmetic.check import check, read
from skillray.domains.arithmetic.compose import compose
from skillray.domains.arithmetic.draft import Draft, Generator
from skillray.domains.arithmetic.expressions import is_fraction, operations, parse, value_of
from skillray.domains.arithmetic.graph import GRAPH, skill_of_operation
from skillray.domains.arithmetic.rewrite import rewrite
from skillray.domains.arithmetic.split import is_held_out
from skillray.domains.arithmetic.textbook import passage
from skillray.domains.base import Domain
from skillray.errors import DataError
from skillray.skills.graph import SkillGraph
from skillray.types import Question, StepScore, content_id

GENERATORS: dict[str, Generator] = {
    "addition_without_carry": sums.addition_without_carry,
    "addition_with_carry": sums.addition_with_carry,
    "subtraction_without_borrow": sums.subtraction_without_borrow,
    "subtraction_with_borrow": sums.subtraction_with_borrow,
    "single_digit_multiplication": products.single_digit_multiplication,
    "multiplication_in_steps": products.multiplication_in_steps,
    "exact_division": products.exact_division,
    "division_with_remainder": products.division_with_remainder,
    "order_of_operations": products.order_of_operations,
    "negative_numbers": sums.negative_numbers,
    "fraction_of_a_number": fractions.fraction_of_a_number,
    "fraction_addition": fractions.fraction_addition,
    "percentage": fractions.percentage,
    "one_step_equation": equations.one_step_equation,
    "two_step_equation": equations.two_step_equation,
    "arithmetic_sequence": equations.arithmetic_sequence,
    "one_step_word_problem": words.one_step_word_problem,
    "two_step_word_problem": words.two_step_word_problem,
}
MAX_SKILLS = 5
"""Most skills that a question is labelled with."""


class ArithmeticDomain(Domain):
    """Exact questions, exact solutions and exact step checks for 18 skills of arithmetic."""

    name: ClassVar[str] = "arithmetic"
    graph: SkillGraph = GRAPH
    max_level = 3
    most_per_skill: Mapping[str, int] = MappingProxyType({"pool": 872, "profile": 100, "held_out": 182})
    """Split -> distinct questions of the skill that has the fewest."""

    def generate(self, skill: str, level: int, rng: random.Random) -> Question:
        """A question whose main skill is `skill`, at difficulty `level` (1 to 3)."""
        if skill not in GENERATORS:
            raise DataError(f"arithmetic: {skill!r} is not one of its skills: {', '.join(GENERATORS)}")
        if level not in range(1, self.max_level + 1):
            raise DataError(f"arithmetic: level must be 1, 2 or 3, not {level!r}")
        return _as_question(skill, level, GENERATORS[skill](level, rng))

    def check(self, question: Question, response: str) -> tuple[StepScore, ...]:
        """Score every written step of `response` that can be checked, and last the final answer."""
        return check(question, response)

    def unread(self, question: Question, response: str) -> int:
        """Lines of `response` that work with figures and get no score of `check`, for it cannot read them."""
        return read(question, response).unread

    def rewrite(self, question: Question, rng: random.Random) -> str | None:
        """The reference solution in another form; None for questions of another world."""
        return rewrite(question, rng)

    def textbook(self, skill: str, rng: random.Random) -> str:
        """A passage on `skill`; what it shows and asks is of the pool."""

        def draw(level: int) -> Question:
            while is_held_out((question := self.generate(skill, level, rng)).question_id):
                pass
            return question

        return passage(skill, draw, rng)

    def compose(self, questions: Sequence[Question], rng: random.Random) -> Question | None:
        """One harder question that needs the answers of all of these; None where there is no exact one."""
        return compose(questions, rng)

    def questions(self, split: str, per_skill: int, seed: int) -> list[Question]:
        """`per_skill` distinct questions of `split` (split.py) for each main skill."""
        from skillray.domains.arithmetic.questions import make_questions  # it generates with this class

        return make_questions(split, per_skill, seed)


ARITHMETIC = ArithmeticDomain()


def _as_question(skill: str, level: int, draft: Draft) -> Question:
    skills = dict.fromkeys([skill])  # a set that keeps its order: the main skill comes first
    for step in draft.steps:
        skills |= dict.fromkeys(_skills_of_step(step))
    return Question(
        question_id=content_id("arithmetic", draft.text),
        question=draft.text,
        answer=draft.answer,
        solution="\n".join((*draft.steps, f"#### {draft.answer}")),
        skills=tuple(skills)[:MAX_SKILLS],
        subject="arithmetic",
        level=level,
    )


def _skills_of_step(step: str) -> list[str]:
    """The skills of the operations on a step's left side; a step without one may rewrite a fraction."""
    left, right = (parse(side) for side in step.split("="))
    needed = [skill_of_operation(o.sign, value_of(o.left), value_of(o.right)) for o in operations(left)]
    return needed or (["fraction_addition"] if is_fraction(left) or is_fraction(right) else [])
