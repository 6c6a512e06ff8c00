"""The control: what the pool holds, unlooked at."""

from __future__ import annotations

import random
from typing import Literal

from pydantic import PositiveInt

from skillray.curriculum.answers import AnyAnswers, HumanAnswers
from skillray.curriculum.base import Curriculum, DataSizes, Evidence, Forecast, Memory, Plan, examples_text
from skillray.curriculum.draw import select_order
from skillray.errors import DataError


class Uniform(Curriculum):
    """`num_examples` pool questions, uniform; every question once before any comes twice.

    The same-budget control of every other curriculum (STAT's MATH-Train is one pass: arXiv 2510.10023, 3.1).
    """

    type: Literal["uniform"] = "uniform"
    num_examples: PositiveInt = 9500
    """QA pairs; STAT's budget."""
    answers: AnyAnswers = HumanAnswers()

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        pool = evidence.skill_map.question_ids
        if not pool:
            raise DataError("curriculum uniform: the pool has no questions; give the data a pool split")
        return Plan(orders=(select_order(pool, self.num_examples, rng),), memory=memory)

    def forecast(self, sizes: DataSizes) -> Forecast:
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples)
