"""The check of what a language model writes: prose, LaTeX, Markdown. Every line is a step where it states an equality.

Each equality is checked by itself, so that an earlier wrong result is blamed once. Whether a true one leads to the
answer is not judged, for there are many ways to write a solution: a wrong plan shows in the answer, which is the last
step. A line that works with figures and states no equality that can be read is *unread*: neither right nor wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from skillray.domains.arithmetic.claims import Claim, claims_of, is_unknown, read_side
from skillray.domains.arithmetic.expressions import (
    MAX_CHARS,
    Expression,
    ExpressionError,
    Operation,
    operations,
    value_of,
)
from skillray.domains.arithmetic.graph import skill_of_operation
from skillray.domains.arithmetic.plain import Line, plain_lines, plain_text
from skillray.domains.arithmetic.reference import Reference
from skillray.types import Question, StepScore

_VALUE = r"-?\s*(?:\(\(-?\d+\)/\(\d+\)\)|\(\d+\+\(\(\d+\)/\(\d+\)\)\)|\d+(?:\.\d+)?(?:\s*/\s*\d+)?)"
_VALUES = re.compile(rf"(?<![\w.])(?<!\d ){_VALUE}(?![\w^])")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_HASHES = re.compile(r"^\s*####(?!#)(.*\d.*)$", re.MULTILINE)
_SAYS = re.compile(r"\banswer\b|\bresult is\b|\btherefore\b|\bthus\b|\bhence\b|^so\b", re.IGNORECASE)
_WORKED = re.compile(r"\d[\s)%]*[-+*/=≈^]\s*\S|\S\s*[-+*/=≈^]\s*\(*\d")
_ASKED = re.compile(r"\b(quotient|remainder)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of checking one response."""

    steps: tuple[StepScore, ...]
    """Lines with an equality, in order, and last the answer; empty when nothing was written."""
    unread: int
    """Lines that work something out in which nothing could be checked, code included."""


def read_prose(question: Question, reference: Reference, response: str) -> Reading:
    """Score 1 for a line whose equalities all hold, else 0; and 1 or 0 for the final answer."""
    lines = plain_lines(response)
    if not lines:
        return Reading((), 0)
    reader = _Reader(question, reference)
    read = [reader.step(line) for line in lines]
    stated = final_answer(response, lines, question)

    right = stated is not None and stated == reference.answer
    wrong = next((step.skill for step in read if step and step.score < 1), None)
    last = StepScore(
        text="" if stated is None else f"{stated}",
        score=float(right),
        skill=reference.main_skill if right or wrong is None else wrong,
    )
    unread = sum(step is None and is_worked(line.plain) for step, line in zip(read, lines, strict=True))
    return Reading((*(step for step in read if step is not None), last), unread)


def is_worked(plain: str) -> bool:
    """True if a line works with figures, and does not only tell them: a sign of an operation stands by a number."""
    return _WORKED.search(plain) is not None


class _Reader:
    """Reads the lines of one response from top to bottom."""

    def __init__(self, question: Question, reference: Reference) -> None:
        self._reference = reference
        self._x = reference.answer if reference.has_unknown else None
        self._root = self._x
        """Value of x by the equation before, with which the next one is compared: an equation that follows from a wrong
        one is right by itself.
        """
        self._asks_whole = _ASKED.search(question.question) is not None

    def step(self, line: Line) -> StepScore | None:
        """The score of a line; None where it states nothing that can be checked."""
        claims = [] if line.is_code else claims_of(line.plain, self._x)
        if not claims:
            return None
        wrong = [claim for claim in claims if not self._holds(claim)]
        skill = self._skill_of(wrong[0] if wrong else claims[0])
        return StepScore(text=line.text[:MAX_CHARS], score=float(not wrong), skill=skill)

    def _holds(self, claim: Claim) -> bool:
        if claim.has_unknown:
            return self._holds_for_x(claim)
        if self._is_whole_quotient(claim):
            return True
        return all(value_of(side) == value_of(claim.sides[0]) for side in claim.sides)

    def _holds_for_x(self, claim: Claim) -> bool:
        """An equation is right when it has the root of the one before it; the first, that of the question."""
        try:
            root = root_of(claim)
        except ExpressionError:
            root = None
        holds = (
            root == self._root
            if root is not None
            else all(value_of(side) == value_of(claim.sides[0]) for side in claim.sides)
        )
        if root is not None:
            self._root = root
        return holds

    def _is_whole_quotient(self, claim: Claim) -> bool:
        """`23/4=5` is what a question for a quotient or a remainder asks for."""
        left, right = claim.sides[0], claim.sides[-1]
        if not self._asks_whole or len(claim.sides) != 2 or not isinstance(left, Operation) or left.sign != "/":
            return False
        a, b = value_of(left.left), value_of(left.right)
        return a >= 0 and b > 0 and value_of(right) == a // b

    def _skill_of(self, claim: Claim) -> str:
        """The skill of a claim: that of the operation on the first side that the next side does not equal.

        Where that side has several operations it is the main skill, for nothing says which of them went wrong.
        """
        pairs = [] if claim.has_unknown else pairwise(claim.sides)
        left = next((left for left, right in pairs if value_of(left) != value_of(right)), claim.sides[0])
        worked = list(operations(left))
        if len(worked) != 1 or claim.has_unknown:
            return self._reference.main_skill
        return skill_of_operation(worked[0].sign, value_of(worked[0].left), value_of(worked[0].right))


def root_of(claim: Claim) -> Fraction | None:
    """The x for which the first two sides of a claim are equal; None where they are not linear in x or always equal."""
    at_0, at_1, at_2 = (_difference(claim, Fraction(x)) for x in (0, 1, 2))
    slope = at_1 - at_0
    is_linear = at_2 - at_1 == slope
    return -at_0 / slope if slope and is_linear else None


def _difference(claim: Claim, x: Fraction) -> Fraction:
    left, right = (value_of(_with_x(side, x)) for side in claim.sides[:2])
    return left - right


def _with_x(expression: Expression, x: Fraction) -> Expression:
    if isinstance(expression, Operation):
        return Operation(expression.sign, _with_x(expression.left, x), _with_x(expression.right, x))
    return type(expression)(x, is_unknown=True) if is_unknown(expression) else expression


def final_answer(response: str, lines: list[Line], question: Question) -> Fraction | None:
    """The number that the response ends with: that of `#### 5`, else of the last box, else of the last line that says
    "answer", "therefore" or "so" and has one, else the last number of all."""
    marked = _HASHES.findall(response) or _BOXED.findall(response)
    if marked:
        return _last_value(plain_text(marked[-1]), question)
    spoken = [line.plain for line in lines if not line.is_code and _last_value(line.plain, question) is not None]
    said = [plain for plain in spoken if _SAYS.search(plain)]
    return _last_value(said[-1] if said else spoken[-1], question) if spoken else None


def _last_value(plain: str, question: Question) -> Fraction | None:
    """The last number; where a quotient or a remainder is asked for and named, the number behind its name."""
    if asked := _ASKED.search(question.question):
        name = asked[1].lower()
        marks = {"quotient": r"\bquotient\b", "remainder": r"\bremainder\b|\bR(?=\s*\d)"}[name]
        if behind := re.search(rf"(?:{marks})(?:\s+(?:of|is|when))*[\s:=]*(\d++)(?!\s*(?:divided|/|and))", plain):
            return Fraction(int(behind[1]))
        if name == "quotient" and (
            before := re.search(r"(\d+)[\s,(]*(?:R\s*\d|(?:with |and )*(?:a )?remainder)", plain)
        ):
            return Fraction(int(before[1]))
    values = _VALUES.findall(plain)
    side = read_side(values[-1].replace(" ", "")) if values else None
    return value_of(side) if side is not None else None
