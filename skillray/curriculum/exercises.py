"""Exercises: instruction tuning on what a teacher writes for every skill."""

from __future__ import annotations

import math
import random
from typing import Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator

from skillray.curriculum.base import (
    Agreement,
    Curriculum,
    DataSizes,
    Evidence,
    Forecast,
    Memory,
    Order,
    OrderKind,
    Plan,
)
from skillray.curriculum.draw import check_agreement, coverage, graph_of
from skillray.protocols import Task

EXERCISES_PER_CALL = 5
"""Exercises that one call to the teacher asks for, at most."""


class Exercises(Curriculum):
    """DSA's exercise stage (arXiv 2412.19361): `per_skill` exercises for every skill of the graph.

    The solution of an exercise must use the skill. Whether the paper filters we could not read; here (ours) an exercise
    is kept if the teacher, asked which skills it needs, names that one, and if `min_agreement` of `solutions` solutions
    agree, as STAT-Syn does (arXiv 2510.10023, B.2). One solution of each is trained on: its own, or the first that
    agrees where its own is alone. They are not in graph order, which the paper has for textbooks alone.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.WRITE_EXERCISES, Task.LABEL_SKILLS, Task.SOLVE})

    type: Literal["exercises"] = "exercises"
    per_skill: PositiveInt = 60
    """Ours: the paper's counts we could not read."""
    solutions: PositiveInt = 3
    """Of each exercise, the one that it was written with among them."""
    min_agreement: PositiveInt = 2
    """Solutions that must agree on the final answer; 1 of 1 takes every exercise as it is written."""

    @model_validator(mode="after")
    def _agreement_can_happen(self) -> Self:
        check_agreement(self.min_agreement, self.solutions)
        return self

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        graph = graph_of(evidence)
        skills = rng.sample(graph.skills, len(graph.skills))  # a later wave asks for the first of them again
        orders = tuple(_order(skill, self.per_skill) for skill in skills)
        target = len(skills) * self.per_skill
        notes = {"exercises_to_write": target, **coverage(graph, evidence.skill_map)}
        return Plan(orders=orders, target=target, memory=memory, notes=notes)

    def forecast(self, sizes: DataSizes) -> Forecast:
        if sizes.skills is None:
            return Forecast(text=f"{self.per_skill} exercises a skill", examples=None)
        count = self.per_skill * sizes.skills
        calls = {
            Task.WRITE_EXERCISES: math.ceil(self.per_skill / EXERCISES_PER_CALL) * sizes.skills,
            Task.LABEL_SKILLS: count,
            Task.SOLVE: count * (self.solutions - 1),
        }
        text = f"{'at most' if sizes.skills_at_most else 'about'} {count:,} exercises"
        return Forecast(text=text, examples=count, calls=calls)

    def shared_study(self) -> tuple[Any, ...]:
        return self.type, self.per_skill, self.solutions

    def agreement(self) -> Agreement:
        return Agreement(solutions=self.solutions, at_least=self.min_agreement)


def _order(skill: str, count: int) -> Order:
    return Order(kind=OrderKind.EXERCISE, skill=skill, parent_id=None, question_ids=(), count=count)
