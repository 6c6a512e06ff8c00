"""The numbers that a step may start from and the facts that it may work out, by a question's reference solution."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from skillray.domains.arithmetic.expressions import (
    MAX_CHARS,
    MAX_DIGITS,
    Expression,
    ExpressionError,
    Operation,
    apply,
    is_fraction,
    leaves,
    operations,
    parse,
    value_of,
)
from skillray.types import Question

Fact = tuple[str, Fraction, Fraction]
"""(sign, left, right), the smaller operand first where order does not matter; ("=", p, q) writes a value as p/q."""

_NUMBER = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?")
_FRACTION = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_EQUALITY = re.compile(r"(?<![A-Za-z0-9.])[-(0-9x.][-+*/().0-9x%\s×·⋅÷−–]*(?:=[-+*/().0-9x%\s×·⋅÷−–]+)+")


@dataclass(frozen=True, slots=True)
class Reference:
    """The legitimate material of one question."""

    main_skill: str
    answer: Fraction | None
    """None where the answer is not a number; no step is then right."""
    given: frozenset[Fraction]
    """The numbers of the question, of either sign, and its fractions and percentages."""
    constants: frozenset[Fraction]
    """Numbers that the reference brings in itself, such as the 20 and the 3 that make 23."""
    facts: frozenset[Fact]
    """Everything the reference works out."""
    results: frozenset[Fraction]
    """Values that lines of the reference come to."""
    has_unknown: bool
    """True if the question is about an x."""


@lru_cache(maxsize=4096)
def reference_of(question: Question) -> Reference:
    """The reference of a question, read line by line; lines without an equality are skipped."""
    facts: set[Fact] = set()
    results: set[Fraction] = set()
    constants: set[Fraction] = set()
    for line in question.solution.splitlines():
        sides = read_equality(line)
        if sides is None:
            continue

        # A number on the left that no earlier line came to is brought in by the reference itself.
        constants.update(value_of(leaf) for leaf in leaves(sides[0]) if value_of(leaf) not in results)
        facts.update(facts_of(sides))
        results.add(value_of(sides[-1]))
    return Reference(
        main_skill=question.skills[0] if question.skills else "",
        answer=read_number(question.answer),
        given=_numbers_of(question.question),
        constants=frozenset(constants),
        facts=frozenset(facts),
        results=frozenset(results),
        has_unknown=re.search(r"(?<![A-Za-z])x(?![A-Za-z])", question.question) is not None,
    )


def read_equality(line: str, x: Fraction | None = None) -> list[Expression] | None:
    """The sides of the equality that a line states; None when it states none that can be read."""
    if len(line) > MAX_CHARS or "=" not in line or line.lstrip().startswith("#"):
        return None
    match = _EQUALITY.search(line)
    if match is None:
        return None
    try:
        sides = [parse(side, x) for side in match.group().rstrip(" .").split("=")]
        for side in sides:
            value_of(side)
    except ExpressionError:
        return None
    return sides


def read_number(text: str) -> Fraction | None:
    """An answer such as 15, -3, 1,200 or 3/4; None when it is none of these."""
    try:
        expression = parse(text.strip().replace(",", "").replace("$", "").rstrip("."))
        return value_of(expression) if not list(operations(expression)) else None
    except ExpressionError:
        return None


def facts_of(sides: list[Expression], read: dict[Fraction, Fraction] | None = None) -> set[Fact]:
    """The facts that an equality works out; `read` maps written values to the values that they should have had."""
    aliases = read or {}
    facts: set[Fact] = set()
    for side in sides:
        facts.update(_fact(operation, aliases) for operation in operations(side))
    if facts:
        return facts

    # Nothing is worked out: the line may write a fraction in another way, 6/8=3/4 or 8/4=2.
    if isinstance(sides[-1], Operation) and is_fraction(sides[-1]):
        return {("=", value_of(sides[-1].left), value_of(sides[-1].right))}
    return {("=", value_of(sides[-1]), Fraction(1))} if is_fraction(sides[0]) else set()


def true_value(expression: Expression, aliases: dict[Fraction, Fraction]) -> Fraction:
    """The value an expression would have if every earlier step had been worked out correctly."""
    if isinstance(expression, Operation) and not is_fraction(expression):
        return apply(expression.sign, true_value(expression.left, aliases), true_value(expression.right, aliases))
    value = value_of(expression)
    return aliases.get(value, value)


def _fact(operation: Operation, aliases: dict[Fraction, Fraction]) -> Fact:
    """The operation on true values, its operands sorted where their order does not matter: 3+4 and 4+3 are one fact."""
    left, right = true_value(operation.left, aliases), true_value(operation.right, aliases)
    if operation.sign in "+*" and right < left:
        left, right = right, left
    return operation.sign, left, right


def _numbers_of(text: str) -> frozenset[Fraction]:
    """The numbers that a question's text provides: of either sign, and its fractions and percentages."""
    text = text[: 20 * MAX_CHARS]
    written = {Fraction(number) for number in _NUMBER.findall(text)}
    numbers = written | {-value for value in written}

    for numerator, denominator in _FRACTION.findall(text):
        # 84/4 without spaces would be a division; only what stays a fraction is a number of the question.
        if int(denominator) and int(numerator) % int(denominator):
            numbers.add(Fraction(int(numerator), int(denominator)))
    if "%" in text:
        numbers |= {Fraction(100)} | {value / 100 for value in written}
    return frozenset(numbers)
