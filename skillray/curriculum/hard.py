"""MATH-Hard: the hard part of the pool."""

from __future__ import annotations

import random
from typing import Literal

from pydantic import PositiveInt

from skillray.curriculum.base import Curriculum, Evidence, Memory, Plan
from skillray.curriculum.draw import select_order
from skillray.errors import DataError


class Hard(Curriculum):
    """STAT's baseline MATH-Hard (arXiv 2510.10023, 3.1): pool questions of level 4 and 5, whoever the student is.

    The paper draws 9.5k pairs of 3k questions; it does not say which 3k, nor where several answers to one come from.
    Here every question of these levels is in, with its reference solution.
    """

    type: Literal["hard"] = "hard"
    min_level: PositiveInt = 4
    num_examples: PositiveInt = 9500
    """QA pairs; every question once before any comes twice."""

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
