"""MATH-Augment: the whole pool in other words."""

from __future__ import annotations

import random
from typing import ClassVar, Literal

from pydantic import PositiveInt

from skillray.curriculum.base import Curriculum, Evidence, Memory, Order, OrderKind, Plan
from skillray.errors import DataError


class Augment(Curriculum):
    """STAT's baseline MATH-Augment (arXiv 2510.10023, 3.1): a teacher rewrites every pool question's solution.

    The paper has 3 rewrites a train question, 9.5k pairs kept over 7.5k questions. It does not say what is rewritten:
    here the question stays and its solution is put in other words, which alone keeps 7.5k questions. Nor does it
    filter; here a rewrite is kept only if its final answer equals the reference (fulfil). Nor how it subsamples: here
    every question once before any comes twice, in a seeded order, and no rewrite is asked for that is not needed.
    """

    writes: ClassVar[bool] = True

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
