"""Sets of concepts that go together: what a new question is to be made of (SwS, arXiv 2506.08989)."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

SHARPNESS = 0.2
"""Temperature of the softmax over what a concept occurs together with; that of the authors' code."""
MAX_REPEATS = 100
"""Draws of one set that was drawn already, after which all sets count as drawn."""


@dataclass(frozen=True, slots=True)
class Concepts:
    """The concepts of one category's failed questions."""

    frequency: Mapping[str, int]
    """Failed questions that a concept is named for."""
    together: Mapping[tuple[str, str], int]
    """Failed questions that both concepts of a pair are named for; either order."""

    @classmethod
    def of(cls, questions: Sequence[Sequence[str]]) -> Concepts:
        """Counted over the concepts of each failed question."""
        distinct = [tuple(dict.fromkeys(named)) for named in questions]
        pairs = Counter(pair for named in distinct for pair in permutations(named, 2))
        return cls(Counter(concept for named in distinct for concept in named), pairs)

    def draw(self, size: int, rng: random.Random) -> tuple[str, ...]:
        """`size` different concepts, or all where there are fewer.

        The first has a probability proportional to its frequency; each other one that of a softmax over how often it
        occurs together with those that are chosen. The authors' code adds the cosines of embeddings to that count; ours
        goes by the counts alone.
        """
        chosen = rng.choices([*self.frequency], weights=[*self.frequency.values()])
        while len(chosen) < min(size, len(self.frequency)):
            rest = [concept for concept in self.frequency if concept not in chosen]
            scores = [sum(self.together.get((one, concept), 0) for one in chosen) for concept in rest]
            highest = max(scores)
            weights = [math.exp((score - highest) / SHARPNESS) for score in scores]
            chosen += rng.choices(rest, weights=weights)
        return tuple(chosen)

    def sets(self, size: int, rng: random.Random) -> Iterator[tuple[str, ...]]:
        """Sets of concepts, none twice in whatever order; once there is no other one, all of them once more."""
        drawn: set[frozenset[str]] = set()
        repeats = 0
        possible = math.comb(len(self.frequency), min(size, len(self.frequency)))
        while True:
            if len(drawn) == possible:
                drawn.clear()  # without this, every cycle would end with MAX_REPEATS draws that bring nothing
            concepts = self.draw(size, rng)
            if frozenset(concepts) in drawn and repeats < MAX_REPEATS:
                repeats += 1
                continue
            if repeats == MAX_REPEATS:
                drawn.clear()
            drawn.add(frozenset(concepts))
            repeats = 0
            yield concepts


def by_share(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """`total` cut in proportion to `weights`, by the largest remainders; the authors' code rounds down.

    Raises:
        ZeroDivisionError: the weights sum to 0.
    """
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: math.floor(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts
