"""A domain outside the package: whether a number is even, and which of two is larger."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import ClassVar

from skillray.domains.base import Domain
from skillray.skills.graph import SkillGraph
from skillray.types import Question, StepScore, content_id

SPLITS = ("pool", "profile", "held_out")


class Parity(Domain):
    """Numbers up to 999; a number belongs to one split for ever."""

    name: ClassVar[str] = "parity"
    graph = SkillGraph({"even": (), "larger": ("even",)})
    max_level = 3
    most_per_skill: Mapping[str, int] = {"pool": 300, "profile": 300, "held_out": 300}

    def questions(self, split: str, per_skill: int, seed: int) -> list[Question]:
        numbers = range(SPLITS.index(split), 3 * per_skill, len(SPLITS))
        return [self._question(skill, number) for skill in self.graph.skills for number in numbers]

    def generate(self, skill: str, level: int, rng: random.Random) -> Question:
        return self._question(skill, 3 * rng.randrange(10**level // 3))

    def check(self, question: Question, response: str) -> tuple[StepScore, ...]:
        last = response.split()[-1] if response.split() else ""
        return (StepScore(text=last, score=float(last == question.answer), skill=question.skills[0]),)

    def unread(self, question: Question, response: str) -> int:
        return 0

    def rewrite(self, question: Question, rng: random.Random) -> str | None:
        return f"{question.answer}\n#### {question.answer}"

    def textbook(self, skill: str, rng: random.Random) -> str:
        return "Numbers that end in 0, 2, 4, 6 or 8 are even."

    def compose(self, questions: Sequence[Question], rng: random.Random) -> Question | None:
        return None

    def _question(self, skill: str, number: int) -> Question:
        text = f"Is {number} even?" if skill == "even" else f"Is {number} larger than 99?"
        answer = "yes" if (number % 2 == 0 if skill == "even" else number > 99) else "no"
        return Question(
            question_id=content_id(self.name, text),
            question=text,
            answer=answer,
            solution=f"#### {answer}",
            skills=(skill,),
            subject=self.name,
            level=1,
        )
