"""Embed-Sel: pool questions that are like the ones which the student fails."""

from __future__ import annotations

import random
from typing import ClassVar, Literal

from pydantic import PositiveInt

from skillray.curriculum.answers import AnyAnswers, HumanAnswers, in_pairs
from skillray.curriculum.base import (
    Curriculum,
    DataSizes,
    Evidence,
    Forecast,
    Memory,
    Need,
    Order,
    OrderKind,
    Plan,
    examples_text,
)
from skillray.curriculum.draw import within_budget
from skillray.types import Id


class EmbedSel(Curriculum):
    """STAT's baseline Embed-Sel (arXiv 2510.10023, 3.1): the 5 nearest train questions of every difficult question.

    It sees what STAT-Sel sees but for the skills. A pool question near several difficult ones comes once for each.
    Where there are more draws than `num_examples`, a uniform random subset is taken, as for STAT-Sel. The paper's
    answers are rewrites, three a question (C.2).
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.NEIGHBOURS})

    type: Literal["embed-sel"] = "embed-sel"
    neighbours: PositiveInt = 5
    num_examples: PositiveInt | None = 9500
    """At most this many draws; None takes all."""
    answers: AnyAnswers = HumanAnswers()
    """Of which every question that is drawn brings `count`."""

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        draws = [
            (one.question_id, in_pairs(one.nearest[: self.neighbours], self.answers.count))
            for one in evidence.neighbours
        ]
        if self.num_examples is not None:
            draws = within_budget(draws, self.num_examples, rng)
        orders = tuple(_order(parent_id, ids) for parent_id, ids in draws if ids)
        notes = {"difficult_questions": len(draws), "targeted_draws": sum(order.count for order in orders)}
        return Plan(orders=orders, memory=memory, notes=notes)

    def forecast(self, sizes: DataSizes) -> Forecast:
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples)

    def num_neighbours(self) -> int:
        return self.neighbours


def _order(parent_id: Id, ids: tuple[Id, ...]) -> Order:
    return Order(kind=OrderKind.SELECT, skill=None, parent_id=parent_id, question_ids=ids, count=len(ids))
