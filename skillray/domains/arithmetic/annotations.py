"""The check of GSM8K's calculator annotations, `<<48/2=24>>`: real solutions and real students, no reference needed."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from skillray.domains.arithmetic.check import MAX_STEPS
from skillray.domains.arithmetic.expressions import MAX_CHARS, ExpressionError, parse, value_of
from skillray.domains.arithmetic.plain import plain_text
from skillray.domains.arithmetic.prose import is_worked
from skillray.thoughts import without_thoughts
from skillray.types import StepScore

_ANNOTATION = re.compile(rf"<<([^<>]{{0,{MAX_CHARS}}})>>")
# A plain equality in prose. Mixed numbers (1 1/2) and changes of unit (=50 cents) are left alone on purpose.
_CLAIM = re.compile(
    r"(?<![\w.,$%/*+-])(?<![0-9x×] )[-(0-9.$][-+*/().0-9%$,]*[-+*/][-+*/().0-9%$,]*"
    r"=[-0-9.$][0-9.,%$]*(?!\w|[/*+-]|\s+(?:[0-9]|and\b|cents\b))",
    re.ASCII,
)
_SIGN_GAP = re.compile(r" {0,4}([-+*/=]) {0,4}")
_TOLERANCE = Fraction(1, 10_000)


def check_annotations(response: str) -> tuple[StepScore, ...]:
    """One score a line: 0 when an annotation, or a plain equality where there is none, is false or malformed."""
    lines = [line.strip() for line in without_thoughts(response).splitlines() if line.strip()]
    scores = [StepScore(text=line[:MAX_CHARS], score=float(_is_line_right(line))) for line in lines[:MAX_STEPS]]
    if len(lines) > MAX_STEPS:
        scores.append(StepScore(text="...", score=0.0))
    return tuple(scores)


def unread_annotations(response: str) -> int:
    """Lines that work with figures and state nothing which `check_annotations` recomputes: it calls them right."""
    lines = (_signs(line) for line in without_thoughts(response).splitlines()[:MAX_STEPS] if "<<" not in line)
    return sum(is_worked(line) and not _CLAIM.search(line) for line in lines)


def _signs(line: str) -> str:
    """The line without LaTeX, bold marks and spaces around signs."""
    return _SIGN_GAP.sub(r"\1", plain_text(line) if "\\" in line or "**" in line else line)


def _is_line_right(line: str) -> bool:
    """False for a line with a false or malformed annotation; without annotations, for a false equality in its prose."""
    if len(line) > 20 * MAX_CHARS:
        return False
    if "<<" in line or ">>" in line:
        claims = _ANNOTATION.findall(line)
        rest = _ANNOTATION.sub("", line)
        return "<<" not in rest and ">>" not in rest and all(_holds(claim) is True for claim in claims)
    # Outside annotations an equality that cannot be read is prose, not a claim.
    return all(_holds(claim.rstrip(".,")) is not False for claim in _CLAIM.findall(_signs(line)))


def _holds(claim: str) -> bool | None:
    """True if every side equals the next, False if not; None for a claim that cannot be read."""
    sides = claim.split("=")
    if len(sides) < 2:
        return None
    try:
        return all(_agree(left, right) for left, right in pairwise(sides))
    except ExpressionError:
        return None


def _agree(left: str, right: str) -> bool:
    return any(_close(a, b, _decimals(right)) for a in _readings(left) for b in _readings(right))


def _readings(side: str) -> set[Fraction]:
    """Values that a side may stand for: 20% is 1/5 in one solution and 20 in another."""
    plain = side.replace("$", "").replace(",", "")
    return {value_of(parse(plain)), value_of(parse(plain.replace("%", "")))}


def _decimals(side: str) -> int:
    """Digits behind the decimal point, which say how far the side was rounded."""
    return len(side.rstrip("% ").partition(".")[2])


def _close(a: Fraction, b: Fraction, decimals: int) -> bool:
    """Equal up to 1 in 10,000, or up to the decimals that were written; whole numbers must be exact."""
    difference = abs(a - b)
    return difference <= _TOLERANCE * max(abs(a), abs(b)) or (decimals > 0 and difference < Fraction(1, 10**decimals))
