"""A method outside the package: this file and one line of an entry point are all there is."""

from __future__ import annotations

import random
from typing import Any, ClassVar, Literal

from pydantic import PositiveInt

from skillray.curriculum.base import Curriculum, DataSizes, Evidence, Forecast, Need, Order, OrderKind, Plan
from skillray.protocols import Task


class Shortest(Curriculum):
    """The teacher writes one new question for every missing skill, the skill with the shortest name first."""

    needs: ClassVar[frozenset[Need]] = frozenset({Need.GAPS})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.WRITE_QUESTIONS, Task.SOLVE})

    type: Literal["shortest"] = "shortest"
    num_examples: PositiveInt = 12

    def plan(self, evidence: Evidence, memory: Any, rng: random.Random) -> Plan:
        skills = sorted({skill for gap in evidence.gaps for skill in gap.missing_skills}, key=len)
        orders = tuple(
            Order(kind=OrderKind.SYNTHESIZE, skill=skill, parent_id=None, question_ids=(), count=1)
            for skill in skills[: self.num_examples]
        )
        return Plan(orders=orders, notes={"skills": len(skills)})

    def forecast(self, sizes: DataSizes) -> Forecast:
        calls = {Task.WRITE_QUESTIONS: self.num_examples, Task.SOLVE: 3 * self.num_examples}
        return Forecast(text="one question for each missing skill", examples=self.num_examples, calls=calls)
