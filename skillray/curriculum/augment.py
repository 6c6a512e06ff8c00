"""MATH-Augment: the whole pool in other words."""

from __future__ import annotations

import random
from typing import ClassVar, Literal

from pydantic import PositiveInt

from skillray.curriculum.base import (
    Curriculum,
    DataSizes,
    Evidence,
    Forecast,
    Memory,
    Order,
    OrderKind,
    Plan,
    examples_text,
)
from skillray.errors import DataError
from skillray.protocols import Task


class Augment(Curriculum):
    """STAT's baseline MATH-Augment (arXiv 2510.10023, 3.1): a teacher rewrites every pool question's solution.

    The paper has 3 rewrites a train question (3.1) and takes 9.5k of these 22.5k pairs at random (C.2). It does not
    filter; here (ours) a rewrite is kept only if its final answer equals the reference (fulfil), and every question
    comes once before any comes twice, in a seeded order, so that no rewrite is asked for that is not needed.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.SOLVE})

    type: Literal["augment"] = "augment"
    rewrites: PositiveInt = 3
    """At most, for each question."""
    num_examples: PositiveInt = 9500
    """QA pairs; fewer where the pool has fewer rewrites, or too many are refused."""

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        pool = evidence.skill_map.question_ids
        if not pool:
            raise DataError("curriculum augment: the pool has no questions; give the data a pool split")
        chosen = rng.sample(pool, min(len(pool), self.num_examples))
        orders = tuple(
            Order(kind=OrderKind.AUGMENT, skill=None, parent_id=None, question_ids=(one,), count=self.rewrites)
            for one in chosen
        )
        return Plan(orders=orders, target=min(self.num_examples, len(pool) * self.rewrites), memory=memory)

    def forecast(self, sizes: DataSizes) -> Forecast:
        rewrites = self.num_examples if sizes.pool is None else min(self.num_examples, sizes.pool * self.rewrites)
        calls = {Task.SOLVE: rewrites}
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples, calls=calls)
