"""Embed-Syn: new questions after pool questions that are like the ones which the student fails."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import chain, combinations, islice, zip_longest
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from skillray.curriculum.base import (
    Agreement,
    Curriculum,
    DataSizes,
    Evidence,
    Forecast,
    Memory,
    Need,
    Neighbours,
    Order,
    OrderKind,
    Plan,
    examples_text,
)
from skillray.curriculum.draw import check_agreement
from skillray.protocols import Task


class EmbedSyn(Curriculum):
    """STAT's baseline Embed-Syn (arXiv 2510.10023, 3.1): a teacher writes after groups of 3 of the 5 nearest questions.

    The paper has 5 new questions for a difficult one, 3 answers each, kept if 2 agree, and 9.5k pairs, which those
    counts do not reach in one pass, as STAT-Syn's do not. Here (ours) the difficult questions are gone through in a
    seeded order, each time with another group of theirs and one new question a group, until the orders should give
    `num_examples` at `min_agreement` pairs each, or all 10 groups of every question were used.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.NEIGHBOURS})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.WRITE_QUESTIONS, Task.SOLVE})

    type: Literal["embed-syn"] = "embed-syn"
    neighbours: Annotated[int, Field(ge=1, le=20)] = 5
    num_seeds: PositiveInt = 3
    """Of the neighbours, those that one call is shown."""
    solutions: PositiveInt = 3
    """Solutions for each new question."""
    min_agreement: PositiveInt = 2
    """Solutions that must agree on the final answer."""
    num_examples: PositiveInt = 9500
    """QA pairs; the plan's `target`."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_agreement(self.min_agreement, self.solutions)
        if self.num_seeds > self.neighbours:
            raise ValueError(f"num_seeds {self.num_seeds} needs at least as many neighbours, not {self.neighbours}")
        return self

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        found = [one for one in evidence.neighbours if one.nearest]
        shuffled = rng.sample(found, len(found))
        rounds = zip_longest(*(self._groups(one, rng) for one in shuffled))
        wanted = math.ceil(self.num_examples / self.min_agreement)
        orders = tuple(islice((order for order in chain.from_iterable(rounds) if order is not None), wanted))
        notes = {"difficult_questions": len(found), "questions_to_write": len(orders)}
        return Plan(orders=orders, target=self.num_examples if orders else None, memory=memory, notes=notes)

    def _groups(self, one: Neighbours, rng: random.Random) -> Iterator[Order]:
        """An order for each group of its neighbours, in a seeded order."""
        nearest = one.nearest[: self.neighbours]
        groups = list(combinations(nearest, min(self.num_seeds, len(nearest))))
        rng.shuffle(groups)
        for seeds in groups:
            yield Order(kind=OrderKind.SYNTHESIZE, skill=None, parent_id=one.question_id, question_ids=seeds, count=1)

    def forecast(self, sizes: DataSizes) -> Forecast:
        questions = math.ceil(self.num_examples / self.min_agreement)
        calls = {Task.WRITE_QUESTIONS: questions, Task.SOLVE: questions * self.solutions}
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples, calls=calls)

    def num_neighbours(self) -> int:
        return self.neighbours

    def agreement(self) -> Agreement:
        return Agreement(solutions=self.solutions, at_least=self.min_agreement)
