"""Textbook passages: words on a skill, what it builds on, worked examples and homework from its generator."""

from __future__ import annotations

import random
from collections.abc import Callable

from skillray.domains.arithmetic.graph import GRAPH
from skillray.types import Question

_ABOUT = {
    "addition_without_carry": (
        "Add two numbers where no column comes to ten.",
        "Add the ones, then the tens, then the hundreds.",
    ),
    "addition_with_carry": (
        "Add two numbers where a column comes to ten or more.",
        "Write the ones of the column, and carry 1 to the next one.",
    ),
    "subtraction_without_borrow": (
        "Take a number away where no digit below is larger.",
        "Take away the ones, then the tens.",
    ),
    "subtraction_with_borrow": (
        "Take a number away where a digit below is larger.",
        "Borrow 1 from the next column: it is worth 10 here.",
    ),
    "single_digit_multiplication": (
        "Multiply single digits, also with zeros behind them.",
        "Multiply the digits, then write the zeros behind.",
    ),
    "multiplication_in_steps": (
        "Multiply a long number by a single digit.",
        "Split the number into parts, multiply each part, and add the products.",
    ),
    "exact_division": (
        "Divide where nothing is left over.",
        "Ask how often the divisor fits. Take ten of it out first where it fits more than ten times.",
    ),
    "division_with_remainder": (
        "Divide where something is left over.",
        "Take the largest multiple of the divisor that fits. What is left is the remainder.",
    ),
    "order_of_operations": (
        "Work out an expression of several operations.",
        "Brackets come first, then products, then sums and differences.",
    ),
    "negative_numbers": (
        "Work with numbers below zero.",
        "Less than nothing is negative. Two signs of one kind make a product positive.",
    ),
    "fraction_of_a_number": (
        "Find a fraction of a number.",
        "Divide by the number below the line, then multiply by the one above.",
    ),
    "fraction_addition": (
        "Add fractions.",
        "Write both with one denominator, add what stands above the line, and reduce.",
    ),
    "percentage": (
        "Find a percentage of a number.",
        "Ten percent is a tenth, twenty five percent a quarter. Multiply it, and add halves where needed.",
    ),
    "one_step_equation": (
        "Find x where one operation was done to it.",
        "Do the opposite operation to the other side.",
    ),
    "two_step_equation": (
        "Find x where two operations were done to it.",
        "Undo the last operation first, then the other one.",
    ),
    "arithmetic_sequence": (
        "Find terms of a sequence with equal gaps.",
        "The gap is the second term minus the first. Term n is the first plus n minus 1 gaps.",
    ),
    "one_step_word_problem": (
        "Solve a story that takes one operation.",
        "More means add, less means take away, equal bags mean multiply or divide.",
    ),
    "two_step_word_problem": (
        "Solve a story that takes two operations.",
        "Do what happens first, then go on with its result.",
    ),
}
"""Skill -> description and key concept."""
NUM_EXAMPLES, NUM_HOMEWORK = 3, 2


def passage(skill: str, draw: Callable[[int], Question], rng: random.Random) -> str:
    """A textbook passage on `skill`. Worked examples go from easy to hard.

    Args:
        draw: gives a question of the skill at a level, 1 to 3.
    """
    description, concept = _ABOUT[skill]
    needs = [_words(need) for need in GRAPH.prerequisites[skill]]
    examples = [draw(1 + index % 3) for index in range(NUM_EXAMPLES)]
    homework = [draw(rng.randint(1, 3)) for _ in range(NUM_HOMEWORK)]
    return "\n".join(
        [
            f"{_words(skill).capitalize()}. {description}",
            f"It builds on {' and on '.join(needs)}." if needs else "It builds on nothing.",
            f"Key concept: {concept}",
            *(f"Example: {question.question}\n{question.solution}" for question in examples),
            *(f"Homework: {question.question}" for question in homework),
        ]
    )


def _words(skill: str) -> str:
    return skill.replace("_", " ")
