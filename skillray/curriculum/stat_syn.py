"""STAT-Syn: new questions for the skills which the student is missing."""

from __future__ import annotations

import math
import random
from itertools import cycle, islice
from typing import ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator

from skillray.curriculum.answers import AnyAnswers, HumanAnswers
from skillray.curriculum.base import (
    Agreement,
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
from skillray.curriculum.draw import KeepShare, Pair, check_agreement, draw_ids, keep_orders, missing_pairs
from skillray.protocols import Task
from skillray.types import Id


class StatSyn(Curriculum):
    """For every (difficult question, missing skill): a teacher writes new questions after `num_seeds` of that skill.

    arXiv 2510.10023, 2.3 and B.2. Each new question gets `solutions` solutions and is kept iff `min_agreement` of
    them agree (`teacher.agreement`). The paper's counts do not reach its 9.5k QA pairs in one pass, so (ours) the
    pairs are gone through in a seeded order, again and again with fresh seed questions, until the orders should
    give `num_examples`. Expected from an order: `questions_per_order` times `min_agreement`, the least that kept
    questions give; at the defaults 4,750 new questions, near the paper's 4k. A missing skill without pool questions
    is skipped and noted.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.GAPS})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.WRITE_QUESTIONS, Task.SOLVE})

    type: Literal["stat-syn"] = "stat-syn"
    questions_per_order: PositiveInt = 2
    """New questions of one call; the counts in the paper come from 2."""
    num_seeds: PositiveInt = 3
    """Pool questions that a call is shown; fewer where the skill has fewer."""
    solutions: PositiveInt = 3
    """Solutions for each new question."""
    min_agreement: PositiveInt = 2
    """Solutions that must agree on the final answer."""
    num_examples: PositiveInt = 9500
    """QA pairs, keep included; STAT's 9.5k. The plan's `target` is what of it a teacher has to write."""
    keep: KeepShare = 0.0
    """Share of the target spent on pool questions of all skills alike, against forgetting; 0 is the paper's."""
    answers: AnyAnswers = HumanAnswers()
    """To what `keep` draws; new questions have the teacher's solutions."""

    @model_validator(mode="after")
    def _agreement_can_happen(self) -> Self:
        check_agreement(self.min_agreement, self.solutions)
        return self

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        pairs, skipped = missing_pairs(evidence)
        num_keep = round(self.num_examples * self.keep) if pairs else 0
        target = self.num_examples - num_keep if pairs else 0
        orders = [self._order(evidence, pair, rng) for pair in self._cycled(pairs, target, rng)]
        kept = keep_orders(evidence.skill_map, num_keep, rng)
        notes = {
            "pairs": len(pairs),
            "pairs_without_pool_questions": skipped,
            "questions_to_write": sum(order.count for order in orders),
            "keep_draws": sum(order.count for order in kept),
        }
        return Plan(orders=(*orders, *kept), target=target or None, memory=memory, notes=notes)

    def _cycled(self, pairs: list[Pair], target: int, rng: random.Random) -> list[Pair]:
        shuffled = rng.sample(pairs, len(pairs))
        return list(islice(cycle(shuffled), math.ceil(target / (self.questions_per_order * self.min_agreement))))

    def _order(self, evidence: Evidence, pair: Pair, rng: random.Random) -> Order:
        pool = evidence.skill_map.by_skill[pair.skill]
        seeds: tuple[Id, ...] = draw_ids(pool, min(self.num_seeds, len(pool)), rng)
        return Order(
            kind=OrderKind.SYNTHESIZE,
            skill=pair.skill,
            parent_id=pair.question_id,
            question_ids=seeds,
            count=self.questions_per_order,
        )

    def forecast(self, sizes: DataSizes) -> Forecast:
        questions = math.ceil(self.num_examples / self.min_agreement)
        orders = math.ceil(questions / self.questions_per_order)
        calls = {Task.WRITE_QUESTIONS: orders, Task.SOLVE: questions * self.solutions}
        return Forecast(text=examples_text(self.num_examples), examples=self.num_examples, calls=calls)

    def agreement(self) -> Agreement:
        return Agreement(solutions=self.solutions, at_least=self.min_agreement)
