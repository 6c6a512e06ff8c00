"""SwS: new questions of the concepts that failed questions have in common, as hard as this student can just learn."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import islice
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

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
    Reach,
    examples_text,
)
from skillray.curriculum.concepts import Concepts, by_share
from skillray.curriculum.draw import check_agreement
from skillray.protocols import Task

VERDICTS = 2
"""Verdicts of the teacher on each new question, where the authors ask two models."""
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Sws(Curriculum):
    """Self-aware weakness-driven synthesis (SwS, arXiv 2506.08989), its data side, by the authors' code MasterVito/SwS.

    Concepts are those that the diagnosis names for difficult profile questions. Each category (subject; without
    subjects, main skill) gets questions in proportion to its failure ratio, and every question is to need a set of
    `concepts` concepts that fail together. Two verdicts of the teacher judge a question (the authors ask two models):
    it stays with at least one perfect and no bad one. Its solutions must agree, and the student's accuracy over
    `samples` answers must lie in `accuracy`. Ours: weaknesses come from the reward filter, where the authors look at
    accuracies over a first RL run; no competition is named as the difficulty; and questions are studied by
    fine-tuning on an agreed solution, where the authors go on with RL.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.GAPS, Need.FAILURES})
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.WRITE_EXERCISES, Task.GRADE, Task.SOLVE})

    type: Literal["sws"] = "sws"
    concepts: PositiveInt = 5
    """Of one question, at most."""
    solutions: PositiveInt = 3
    """Of each question, the one that it was written with among them."""
    min_agreement: PositiveInt = 2
    """Solutions that must agree on the final answer."""
    samples: PositiveInt = 8
    """Answers of the student to each new question."""
    temperature: PositiveFloat = 1.0
    accuracy: tuple[Share, Share] = (0.125, 0.875)
    """Least and most of the student's answers that may be right."""
    num_examples: PositiveInt = 9500
    """Questions, one solution each; the plan's `target`. STAT's budget, for comparison."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_agreement(self.min_agreement, self.solutions)
        least, most = self.accuracy
        if not any(least <= right / self.samples <= most for right in range(self.samples + 1)):
            raise ValueError(
                f"accuracy {least:g} to {most:g}: no number of right answers among {self.samples} samples lies in it; "
                "raise samples"
            )
        return self

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        named: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for gap in evidence.gaps:
            if gap.missing_skills:
                named[gap.category].append(gap.missing_skills)
        ratios = {one.name: one.failed / one.asked for one in evidence.failures if one.failed and one.name in named}
        if not ratios:
            return Plan(orders=(), memory=memory)
        budget = by_share(ratios, self.num_examples)
        orders = [
            _order(concepts)
            for category, count in budget.items()
            for concepts in islice(Concepts.of(named[category]).sets(self.concepts, rng), count)
        ]
        rng.shuffle(orders)  # a later wave sends the first ones again
        skipped = sum(1 for one in evidence.failures if one.failed and one.name not in named)
        notes = {"categories": len(ratios), "categories_without_concepts": skipped, "questions_to_write": len(orders)}
        return Plan(orders=tuple(orders), target=self.num_examples, memory=memory, notes=notes)

    def forecast(self, sizes: DataSizes) -> Forecast:
        questions = self.num_examples
        calls = {
            Task.WRITE_EXERCISES: questions,
            Task.GRADE: questions * VERDICTS,
            Task.SOLVE: questions * (self.solutions - 1),
        }
        return Forecast(text=examples_text(questions), examples=questions, calls=calls)

    def reach(self) -> Reach:
        least, most = self.accuracy
        return Reach(samples=self.samples, temperature=self.temperature, least=least, most=most)

    def agreement(self) -> Agreement:
        return Agreement(solutions=self.solutions, at_least=self.min_agreement)


def _order(concepts: tuple[str, ...]) -> Order:
    return Order(
        kind=OrderKind.CONCEPTS,
        skill=concepts[0],
        parent_id=None,
        question_ids=(),
        count=1,
        concepts=concepts[1:],
    )
