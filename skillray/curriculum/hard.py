"""MATH-Hard: the hard part of the pool."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

from pydantic import PositiveInt

from skillray.curriculum.answers import AnyAnswers, HumanAnswers
from skillray.curriculum.base import Curriculum, DataSizes, Evidence, Forecast, Memory, Plan, PoolFacts, examples_text
from skillray.curriculum.draw import select_order
from skillray.errors import DataError


class Hard(Curriculum):
    """STAT's baseline MATH-Hard (arXiv 2510.10023, 3.1): pool questions of level 4 and 5, whoever the student is.

    The paper takes all questions of levels 4 and 5, with three rewritten answers each (C.2), and 9.5k of these pairs:
    `answers: {source: rewrites}`. Its random pairs are here (ours) draws of which every question has its share.
    """

    type: Literal["hard"] = "hard"
    min_level: PositiveInt = 4
    num_examples: PositiveInt = 9500
    """QA pairs; every question once before any comes twice."""
    answers: AnyAnswers = HumanAnswers()

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        skill_map = evidence.skill_map
        levels = zip(skill_map.question_ids, skill_map.levels, strict=True)
        ids = [question_id for question_id, level in levels if level is not None and level >= self.min_level]
        if not ids:
            raise DataError(
                f"curriculum hard: the pool has no question of level {self.min_level} or more; lower min_level"
            )
        order = select_order(ids, self.num_examples, rng)
        return Plan(orders=(order,), memory=memory, notes={"questions_of_level": len(ids)})

    def forecast(self, sizes: DataSizes) -> Forecast:
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples)

    def problems(self, pool: PoolFacts) -> Iterator[tuple[str, str]]:
        if self.min_level > (pool.highest_level or 0):
            has = f"the highest is {pool.highest_level}" if pool.highest_level else "it has no levels"
            yield "min_level", f"the pool has no question of level {self.min_level} or more ({has}); lower it"
