"""The result of a generator, and the few helpers that all generators share."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its worked steps."""

    text: str
    steps: tuple[str, ...]
    """Equalities such as 12+7=19, in the order of the solution."""
    answer: str


Generator = Callable[[int, random.Random], Draft]
"""(level, rng) -> a question of one skill; level is 1 to 3."""

_ASKS = ("What is {}?", "Compute {}.", "{} = ?")


def ask(expression: str, rng: random.Random) -> str:
    """An expression as a question."""
    return rng.choice(_ASKS).format(expression)


def work(text: str, *steps: str) -> Draft:
    """A draft whose answer is the right side of its last step."""
    return Draft(text, steps, steps[-1].rpartition("=")[2])
