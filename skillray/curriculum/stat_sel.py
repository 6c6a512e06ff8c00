"""STAT-Sel: pool questions that need the skills which the student is missing."""

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
from skillray.curriculum.draw import KeepShare, Pair, draw_ids, keep_orders, missing_pairs, num_kept, within_budget
from skillray.types import Id


class StatSel(Curriculum):
    """For every (difficult question, missing skill): `questions_per_skill` questions of Skill-Map[skill].

    arXiv 2510.10023, 2.3. A skill's share of the set is therefore proportional to how often it is missing. The
    paper is silent on repeated draws: here a question may come again for another pair, and for the same pair only
    when the skill has too few. When there are more draws than `num_examples`, a uniform random subset is taken, as
    in the paper. A missing skill without pool questions is skipped and noted. The paper's answers are rewrites, three a
    question (B.2, Table 2): `answers: {source: rewrites}`.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.GAPS})

    type: Literal["stat-sel"] = "stat-sel"
    questions_per_skill: PositiveInt = 5
    """B.2 and the authors' README say 5, Algorithm 1 says 3."""
    num_examples: PositiveInt | None = 9500
    """At most this many draws, keep included; None takes all. STAT's 9.5k QA pairs."""
    keep: KeepShare = 0.0
    """Share of the final draws spent on all skills alike, against forgetting; 0 is the paper's setting."""
    answers: AnyAnswers = HumanAnswers()
    """Of which every question that is drawn for a missing skill brings `count`."""

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        pairs, skipped = missing_pairs(evidence)
        draws = [(pair, self._draw(evidence, pair, rng)) for pair in pairs]
        orders = [_order(pair, ids) for pair, ids in self._within_budget(draws, rng) if ids]
        targeted = sum(order.count for order in orders)
        kept = keep_orders(evidence.skill_map, num_kept(targeted, self.keep), rng)
        notes = {
            "pairs": len(pairs),
            "pairs_without_pool_questions": skipped,
            "targeted_draws": targeted,
            "keep_draws": sum(order.count for order in kept),
        }
        return Plan(orders=(*orders, *kept), memory=memory, notes=notes)

    def _draw(self, evidence: Evidence, pair: Pair, rng: random.Random) -> tuple[Id, ...]:
        drawn = draw_ids(evidence.skill_map.by_skill[pair.skill], self.questions_per_skill, rng)
        return in_pairs(drawn, self.answers.count)

    def _within_budget(
        self, draws: list[tuple[Pair, tuple[Id, ...]]], rng: random.Random
    ) -> list[tuple[Pair, tuple[Id, ...]]]:
        if self.num_examples is None:
            return draws
        return within_budget(draws, self.num_examples - round(self.num_examples * self.keep), rng)

    def forecast(self, sizes: DataSizes) -> Forecast:
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples)


def _order(pair: Pair, ids: tuple[Id, ...]) -> Order:
    return Order(kind=OrderKind.SELECT, skill=pair.skill, parent_id=pair.question_id, question_ids=ids, count=len(ids))
