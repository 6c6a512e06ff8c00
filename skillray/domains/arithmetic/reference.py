"""What a question and its reference solution allow a step to start from and to work out."""

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
    has_unknown: bool
    """Whether the question is about an x."""


@lru_cache(maxsize=4096)
def reference_of(question: Question) -> Reference:
    facts: set[Fact] = set()
    results: set[Fraction] = set()
    constants: set[Fraction] = set()
    for line in question.solution.splitlines():
        sides = read_equality(line)
        if sides is None:
            continue
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
    """What an equality works out; `read` maps written values to the values they should have had."""
    aliases = read or {}
    found = {_fact(operation, aliases) for side in sides for operation in operations(side)}
    if not found and isinstance(sides[-1], Operation) and is_fraction(sides[-1]):
        found.add(("=", value_of(sides[-1].left), value_of(sides[-1].right)))
    elif not found and is_fraction(sides[0]):
        found.add(("=", value_of(sides[-1]), Fraction(1)))
    return found


def true_value(expression: Expression, aliases: dict[Fraction, Fraction]) -> Fraction:
    """The value an expression would have if every earlier step had been worked out correctly."""
    if isinstance(expression, Operation) and not is_fraction(expression):
        return apply(expression.sign, true_value(expression.left, aliases), true_value(expression.right, aliases))
    value = value_of(expression)
    return aliases.get(value, value)


def _fact(operation: Operation, aliases: dict[Fraction, Fraction]) -> Fact:
    left, right = true_value(operation.left, aliases), true_value(operation.right, aliases)
    if operation.sign in "+*" and right < left:
        left, right = right, left
    return operation.sign, left, right


def _numbers_of(text: str) -> frozenset[Fraction]:
    text = text[: 20 * MAX_CHARS]
    values = {Fraction(number) for number in _NUMBER.findall(text)}
    found = values | {-value for value in values}
    pairs = [(int(p), int(q)) for p, q in _FRACTION.findall(text)]
    # 84/4 without spaces would be a division; only what stays a fraction is a number of the question.
    found |= {Fraction(p, q) for p, q in pairs if q and p % q}
    if "%" in text:
        found |= {Fraction(100)} | {value / 100 for value in values}
    return frozenset(found)
