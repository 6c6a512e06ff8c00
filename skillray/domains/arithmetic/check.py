"""The exact step checker: which written steps of a student's own solution are right, and the skill each one needed.

A step is right when its equality holds and it belongs to a way to the answer: it starts from the question's numbers,
the reference's constants or earlier results, and it is either a step of the reference or leads on to the right answer.
A step that uses an earlier wrong result is judged on its own arithmetic; the wrong step alone carries the blame.

All this is of the domain's own terse form, an equality a line. What a language model writes is read by `prose`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from skillray.domains.arithmetic.expressions import (
    MAX_CHARS,
    Expression,
    ExpressionError,
    Operation,
    is_fraction,
    leaves,
    operations,
    value_of,
)
from skillray.domains.arithmetic.graph import skill_of_operation
from skillray.domains.arithmetic.prose import Reading, read_prose
from skillray.domains.arithmetic.reference import (
    Fact,
    Reference,
    facts_of,
    read_equality,
    read_number,
    reference_of,
    true_value,
)
from skillray.thoughts import without_thoughts
from skillray.types import Question, StepScore

MAX_STEPS = 64
"""Lines beyond this count as one wrong step together: no question here needs more than a handful."""
_FINAL = "####"
_TERSE = re.compile(r"[-+*/().0-9x%=]*|[-+*/().0-9x%=# ]*#[-+*/().0-9x%=# ]*|####.{0,200}", re.ASCII)
"""A line in the domain's own form. It has no space, unless it is marked as the answer, or ought to be."""
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[./][0-9]+)?", re.ASCII)


@dataclass(slots=True)
class _Step:
    """One written line, read against what came before it."""

    text: str
    skill: str
    is_final: bool = False
    holds: bool = False
    """True if all sides of the line are equal, as they are written."""
    is_grounded: bool = False
    """True if the line uses only numbers that were at hand."""
    value: Fraction | None = None
    """The value that the line should have come to, had every earlier step been right."""
    facts: set[Fact] = field(default_factory=set)
    sources: set[Fraction] = field(default_factory=set)
    """Values that the line starts from, each as it should have been."""
    is_connected: bool = False
    """True if the right answer was built from this step."""
    culprit: _Step | None = None
    """The wrong step whose result this one passes on."""


@dataclass(slots=True)
class _State:
    """The state of reading a solution from top to bottom."""

    reference: Reference
    available: set[Fraction]
    """True values that the next step may use."""
    aliases: dict[Fraction, Fraction] = field(default_factory=dict)
    """Wrong written result -> what it should have been."""
    blame: dict[Fraction, _Step] = field(default_factory=dict)
    """Wrong written result -> the step that went wrong."""


def check(question: Question, response: str) -> tuple[StepScore, ...]:
    """Score every written step 0 or 1; without a `####` line a last step of 0 stands for the missing answer. Of prose,
    every line with an equality, and last the answer."""
    return read(question, response).steps


def read(question: Question, response: str) -> Reading:
    """The scores of `check`, and how many lines that work with figures are not among them. In the terse form none is
    left out: a line that cannot be read is wrong there, for only a student that was trained on it writes it."""
    reference, response = reference_of(question), without_thoughts(response)
    if is_terse(response):
        return Reading(_check_terse(reference, response), 0)
    return read_prose(question, reference, response)


def is_terse(response: str) -> bool:
    """True if every line has the form of the domain's own solutions; a number alone can be an answer in any form."""
    text = response.strip()
    return not _NUMBER.fullmatch(text) and all(_TERSE.fullmatch(line.strip()) for line in text.split("\n"))


def _check_terse(reference: Reference, response: str) -> tuple[StepScore, ...]:
    lines = _lines(response)
    if not lines:
        return ()
    reading = _State(reference, set(reference.given | reference.constants))
    steps = [_read(line, reading) for line in lines]
    _connect(steps, reference)
    scores = [_score(step, reference) for step in steps]
    if not any(step.is_final for step in steps):
        scores.append(StepScore(text="", score=0.0, skill=reference.main_skill))
    return tuple(scores)


def first_wrong_skill(question: Question, response: str) -> str | None:
    """The skill of the first wrong step; the main skill when nothing was written; None when every step is right."""
    scores = check(question, response)
    if not scores:
        return question.skills[0] if question.skills else None
    return next((step.skill for step in scores if step.score < 1), None)


def _lines(response: str) -> list[str]:
    """Lines that are not blank; "..." stands for all beyond `MAX_STEPS`, and is read as one wrong step."""
    lines = [line.strip() for line in response.splitlines() if line.strip()]
    if len(lines) > MAX_STEPS:
        lines = [*lines[:MAX_STEPS], "..."]
    return lines


def _read(line: str, reading: _State) -> _Step:
    main = reading.reference.main_skill
    step = _Step(text=line[:MAX_CHARS], skill=main)
    try:
        if line.startswith(_FINAL):
            _read_final(line, step, reading)
        elif (sides := read_equality(line)) is not None:
            _read_step(sides, step, reading)
        elif (sides := _read_with_unknown(line, reading.reference)) is not None:
            _read_equation(sides, step, reading)
    except ExpressionError:  # a bound was passed while working the line out: it stays a wrong step
        step.is_grounded = False
    return step


def _read_final(line: str, step: _Step, reading: _State) -> None:
    step.is_final = True
    written = read_number(line[len(_FINAL) :])
    if written is None:
        return
    step.holds = step.is_grounded = written == reading.reference.answer
    step.value = reading.aliases.get(written, written)
    if not step.holds:
        step.culprit = reading.blame.get(written)


def _read_step(sides: list[Expression], step: _Step, reading: _State) -> None:
    written = [value_of(side) for side in sides]
    step.holds = all(value == written[0] for value in written)
    step.value = true_value(sides[0], reading.aliases)
    step.facts = facts_of(sides, reading.aliases)
    step.sources = {true_value(leaf, reading.aliases) for leaf in leaves(sides[0])}
    step.is_grounded = _is_grounded(sides, step.sources, reading) and not _is_empty(sides)
    if step.is_grounded:
        step.skill = _skill_of(sides, reading.reference)
    _remember(step, written[-1], reading)


def _remember(step: _Step, stated: Fraction, reading: _State) -> None:
    """Add a step's result to what later steps may use; a wrong result stands for the value it should have had."""
    if step.value is None:
        return
    if not step.is_grounded:
        reading.blame.setdefault(stated, step)
        return
    reading.available.add(step.value)

    if stated != step.value and stated not in reading.available:
        reading.aliases[stated] = step.value
        passed_on = [culprit for value, culprit in reading.blame.items() if reading.aliases.get(value) in step.sources]
        # A step that is right by itself and builds on a wrong result passes the blame on to where that came from.
        step.culprit = passed_on[0] if step.holds and passed_on else None
        reading.blame[stated] = step.culprit or step


def _is_grounded(sides: list[Expression], sources: set[Fraction], reading: _State) -> bool:
    """True if all numbers on the left were at hand, and every later side that is worked out uses only these and what
    the line itself works out.
    """
    if not sources <= reading.available:
        return False
    allowed = reading.available | {true_value(o, reading.aliases) for side in sides for o in operations(side)}
    later = [side for side in sides[1:] if list(operations(side))]
    return all(true_value(leaf, reading.aliases) in allowed for side in later for leaf in leaves(side))


def _is_empty(sides: list[Expression]) -> bool:
    """True if nothing is worked out: 5=5."""
    return not any(isinstance(side, Operation) for side in sides) or all(side == sides[0] for side in sides)


def _read_with_unknown(line: str, reference: Reference) -> list[Expression] | None:
    return read_equality(line, reference.answer) if reference.has_unknown else None


def _read_equation(sides: list[Expression], step: _Step, reading: _State) -> None:
    """A line such as 3x=15: right when the answer satisfies it and all its numbers are at hand."""
    reference = reading.reference
    numbers = [leaf for side in sides for leaf in leaves(side) if leaf not in _unknowns(side)]
    at_hand = reading.available | reference.results
    step.value = reference.answer
    step.is_grounded = all(value_of(number) in at_hand for number in numbers)
    plain = [side for side in sides if not _unknowns(side)]
    step.holds = bool(plain) and all(value_of(side) == value_of(sides[0]) for side in sides)
    step.is_connected = step.holds and step.is_grounded
    if step.is_connected:
        reading.available.update(value_of(side) for side in plain)


def _unknowns(side: Expression) -> list[Expression]:
    return [leaf for leaf in leaves(side) if getattr(leaf, "is_unknown", False)]


def _connect(steps: list[_Step], reference: Reference) -> None:
    """Mark the steps that the right answer was built from, last step first."""
    if not any(step.is_final and step.value == reference.answer for step in steps):
        return
    needed = {reference.answer}
    for step in reversed(steps):
        if step.is_grounded and not step.is_final and step.value in needed:
            step.is_connected = True
            # A given number needs no derivation: 2+2=4 is idle where the question itself says 4.
            needed |= {value for value in step.sources if value not in reference.given}


def _score(step: _Step, reference: Reference) -> StepScore:
    """A step off every way to the answer is a wrong plan, however well it is worked out: that is the main skill."""
    right = step.holds and step.is_grounded and (step.is_final or _is_on_the_way(step, reference))
    return StepScore(text=step.text, score=float(right), skill=_needed_skill(step, reference))


def _needed_skill(step: _Step, reference: Reference) -> str:
    """The skill that a step exercised: a wrong final answer takes that of the step that spoilt it."""
    if step.is_final and step.culprit is not None and not step.holds:
        return _needed_skill(step.culprit, reference)
    return step.skill if _is_on_the_way(step, reference) else reference.main_skill


def _is_on_the_way(step: _Step, reference: Reference) -> bool:
    """True if the step leads to the answer: the answer was built from it, or the reference has the same facts."""
    return step.is_connected or (bool(step.facts) and step.facts <= reference.facts)


def _skill_of(sides: list[Expression], reference: Reference) -> str:
    """The skill of the outermost operation; rewriting a fraction belongs to adding fractions."""
    worked = [operation for side in sides for operation in operations(side)]
    if not worked:
        return "fraction_addition" if any(is_fraction(side) for side in sides) else reference.main_skill
    last = list(operations(sides[0]))[-1] if list(operations(sides[0])) else worked[-1]
    return skill_of_operation(last.sign, value_of(last.left), value_of(last.right))
