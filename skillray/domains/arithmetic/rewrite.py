"""A reference solution in another form: the operands of its sums and products change places."""

from __future__ import annotations

import random
import re

from skillray.domains.arithmetic.check import check, is_terse
from skillray.types import Question

_NUMBER = r"\d+(?:/\d+)?"
_TURNABLE = re.compile(rf"({_NUMBER})([+*])({_NUMBER})=(.*)")


def rewrite(question: Question, rng: random.Random) -> str | None:
    """The solution with some of its sums and products turned round (20*4=80 becomes 4*20=80), at least one of them.

    A solution of differences and quotients alone comes back as it is. None for a question of another world, whose
    reference the step checker does not find right.
    """
    solution = question.solution
    if not solution or not is_terse(solution) or any(step.score < 1.0 for step in check(question, solution)):
        return None
    lines = question.solution.splitlines()
    turned: dict[int, str] = {}
    for index, line in enumerate(lines):
        if (text := _turned(line)) != line:
            turned[index] = text

    if turned:
        chosen = rng.sample(sorted(turned), rng.randint(1, len(turned)))
        lines = [turned[index] if index in chosen else line for index, line in enumerate(lines)]
    return "\n".join(lines)


def _turned(step: str) -> str:
    """`step` with its operands changed about; itself where that makes no difference or another value."""
    match = _TURNABLE.fullmatch(step)
    return f"{match[3]}{match[2]}{match[1]}={match[4]}" if match else step
