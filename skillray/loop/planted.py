"""Wrong references, planted on purpose: what claims to find wrong answers can be measured by them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from skillray.types import seed_for

Row = dict[str, Any]
ANSWER = "#### "


def plant(rows: Sequence[Row], share: float, seed: int) -> list[Row]:
    """QUESTIONS rows, a `share` of them with a wrong answer: a digit of it is another, in the last step of the solution
    and behind '####', as somebody who miscalculated would have written it. Which ones, and how, is a function of the
    seed and of the questions.
    """
    chosen = set(random.Random(seed_for(seed, "planted")).sample(range(len(rows)), round(share * len(rows))))
    return [_wrong(row, seed) if place in chosen else row for place, row in enumerate(rows)]


def misread(number: str, rng: random.Random) -> str:
    """`number` with one digit changed, to no 0: it stays as long, and a denominator stays one."""
    place = rng.choice([place for place, character in enumerate(number) if character.isdigit()])
    return number[:place] + rng.choice([digit for digit in "123456789" if digit != number[place]]) + number[place + 1 :]


def _wrong(row: Row, seed: int) -> Row:
    answer = misread(row["answer"], random.Random(seed_for(seed, "wrong", row["question_id"])))
    *steps, _ = row["solution"].split("\n")  # a domain's solution ends with the answer
    if steps and steps[-1].endswith(f"={row['answer']}"):
        steps[-1] = steps[-1].removesuffix(row["answer"]) + answer
    return row | {"answer": answer, "solution": "\n".join([*steps, f"{ANSWER}{answer}"])}
