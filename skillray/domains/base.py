"""What a procedural world is: exact questions, exact solutions, exact step checks."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from skillray.skills.graph import SkillGraph
from skillray.types import Question, StepScore


class Domain(ABC):
    """A world whose questions, solutions and checks are made by a program, so that nothing about them is uncertain.

    A domain of another package is a subclass that an entry point of `skillray.domains` names.
    """

    name: ClassVar[str]
    """As configs name it: `data: {type: domain, domain: NAME}`."""
    graph: SkillGraph
    """Its skills, and which of them build on which."""
    max_level: int
    """The difficulty of a question is 1 to `max_level`."""
    most_per_skill: Mapping[str, int]
    """Split (pool, profile, held_out) -> distinct questions of the skill that has the fewest."""

    @abstractmethod
    def questions(self, split: str, per_skill: int, seed: int) -> list[Question]:
        """`per_skill` distinct questions for each main skill; no question is in two splits, whatever the seeds."""

    @abstractmethod
    def generate(self, skill: str, level: int, rng: random.Random) -> Question:
        """A question whose main skill is `skill`, at difficulty `level`."""

    @abstractmethod
    def check(self, question: Question, response: str) -> tuple[StepScore, ...]:
        """Score every written step of `response` that can be checked, and last the final answer."""

    @abstractmethod
    def unread(self, question: Question, response: str) -> int:
        """Lines of `response` that work with figures and get no score of `check`, for it cannot read them."""

    @abstractmethod
    def rewrite(self, question: Question, rng: random.Random) -> str | None:
        """The reference solution of a question of this domain in another form, as exact; None for other questions."""

    @abstractmethod
    def textbook(self, skill: str, rng: random.Random) -> str:
        """A textbook passage on one of its skills, every line of it right, with nothing of held-out questions."""

    @abstractmethod
    def compose(self, questions: Sequence[Question], rng: random.Random) -> Question | None:
        """One harder question made of these, with its exact solution; None where it cannot be made."""

    def skills_of(self) -> Sequence[str]:
        """Its skills, in the order of the graph."""
        return self.graph.skills

    def builds_on(self, skill: str) -> Sequence[str] | None:
        """Direct prerequisites; of the domain's own name, the skills that no other builds on. None: no such skill."""
        if skill == self.name:
            needed = {need for need, _ in self.graph.edges()}
            return [skill for skill in self.graph.skills if skill not in needed]
        return self.graph.prerequisites.get(skill)
