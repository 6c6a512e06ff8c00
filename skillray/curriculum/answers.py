"""Whose answers a student learns from the pool: a human's, a teacher's, or its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from skillray.curriculum.base import Curriculum
from skillray.types import Id, Value

Otherwise = Literal["human", "drop"]
"""For a question without a usable answer: its reference solution is studied, or its draws are dropped and counted."""


class HumanAnswers(Value):
    """The reference solutions of the pool."""

    source: Literal["human"] = "human"

    @property
    def count(self) -> int:
        return 1


class Rewrites(Value):
    """A teacher puts the reference solution in other words, `count` times.

    STAT-Sel, MATH-Hard and Embed-Sel draw from these (arXiv 2510.10023, Table 2, B.2 and C.2). The paper does not
    filter; here a rewrite is used only if its final answer equals the reference.
    """

    source: Literal["rewrites"] = "rewrites"
    count: PositiveInt = 3
    """Answers to a question, at most; the paper has 3."""
    otherwise: Otherwise = "human"


class OwnAnswers(Value):
    """The student's own answers to the drawn questions, where the final answer is right (rejection sampling).

    The checkpoint that the round starts from is asked `samples` times. Steps are not scored: the final answer decides,
    as in STaR (arXiv 2203.14465) and RFT (arXiv 2308.01825, which samples at temperature .7).
    """

    source: Literal["student"] = "student"
    count: PositiveInt = 1
    """Different answers to a question, at most: the first right ones."""
    samples: PositiveInt = 4
    """Answers that are sampled to each question."""
    temperature: PositiveFloat = 0.7
    otherwise: Otherwise = "drop"

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.count > self.samples:
            raise ValueError(f"count {self.count} needs at least as many samples, not {self.samples}")
        return self


AnyAnswers = Annotated[HumanAnswers | Rewrites | OwnAnswers, Field(discriminator="source")]


def answers_of(curriculum: Curriculum) -> HumanAnswers | Rewrites | OwnAnswers:
    """What a curriculum says of the answers to the pool questions that it draws; without a word, a human's."""
    answers: HumanAnswers | Rewrites | OwnAnswers = getattr(curriculum, "answers", HumanAnswers())
    return answers


def asks_teacher(curriculum: Curriculum) -> bool:
    """Whether a teacher has to write something before its orders are fulfilled."""
    return curriculum.writes or isinstance(answers_of(curriculum), Rewrites)


def in_pairs(ids: Sequence[Id], count: int) -> tuple[Id, ...]:
    """Each question once for each of its `count` answers: (question, answer) pairs are what a budget counts."""
    return tuple(question_id for question_id in ids for _ in range(count))


def spread(draws: int, answers: int) -> list[int]:
    """How often each of a question's `answers` is studied when it was drawn `draws` times.

    None comes an (n+1)th time before all came n times, the first answers first. The paper draws pairs independently;
    that differs only where a pair comes twice before another one came at all.
    """
    whole, rest = divmod(draws, answers)
    return [whole + (place < rest) for place in range(answers)]
