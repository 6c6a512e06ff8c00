"""The exact teacher: every reply is worked out by a procedural domain, free, and the same every time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from skillray.domains.base import Domain
from skillray.teacher.tasks import (
    MAX_SKILLS,
    Compose,
    Decompose,
    LabelSkills,
    NameMissingSkills,
    Outcome,
    Reply,
    Request,
    Rewrite,
    Solve,
    Task,
    WriteExercises,
    WriteQuestions,
    WriteTextbook,
    reply_key,
    written,
)
from skillray.types import Question

REVISION = 3
"""Raised when the same request gets another reply, so that kept replies are not mixed."""
DRAWN = 2
"""The revision whose random draws are still the same: what it writes has not changed since."""


@dataclass(frozen=True)
class DomainTeacher:
    """A teacher that is never wrong. Replies are a function of the request: its key seeds the rng."""

    domain: Domain

    @property
    def model(self) -> str:
        return f"{self.domain.name}-domain@{REVISION}"

    def ask(self, task: Task, requests: Sequence[Request]) -> list[Reply]:
        """One reply a request, in order. Tasks that it has no exact answer to are UNSUPPORTED."""
        return [self._reply(task, request) for request in requests]

    def _reply(self, task: Task, request: Request) -> Reply:
        """Tasks beyond these are UNSUPPORTED."""
        match task, request:
            case Task.LABEL_SKILLS, LabelSkills():
                return _among(request.question.skills[:MAX_SKILLS], request.allowed)
            case Task.NAME_MISSING_SKILLS, NameMissingSkills():
                return self._missing(request)
            case Task.WRITE_QUESTIONS, WriteQuestions():
                return self._write(request, self._rng(task, request))
            case Task.SOLVE, Solve():
                solution = request.question.solution
                return Reply(outcome=Outcome.OK, value=solution) if solution else Reply(outcome=Outcome.EMPTY)
            case Task.DECOMPOSE, Decompose():
                return self._parts(request)
            case Task.SOLVE, Rewrite():
                return self._rewrite(request.question, self._rng(task, request))
            case Task.WRITE_TEXTBOOK, WriteTextbook():
                return self._textbook(request.skill, self._rng(task, request))
            case Task.WRITE_EXERCISES, WriteExercises():
                return self._exercises(request, self._rng(task, request))
            case Task.COMPOSE, Compose():
                return self._compose(request, self._rng(task, request))
            case _:
                return Reply(outcome=Outcome.UNSUPPORTED)

    def _rng(self, task: Task, request: Request) -> random.Random:
        return random.Random(reply_key(f"{self.domain.name}-domain@{DRAWN}", task, request, {}))

    def _rewrite(self, question: Question, rng: random.Random) -> Reply:
        """Of the domain's own questions only: nobody else's solution could be put in other words exactly."""
        text = self.domain.rewrite(question, rng)
        return Reply(outcome=Outcome.OK, value=text) if text else Reply(outcome=Outcome.UNSUPPORTED)

    def _parts(self, request: Decompose) -> Reply:
        """What the domain's own graph says."""
        parts = self.domain.builds_on(request.skill)
        if parts is None:
            return Reply(outcome=Outcome.UNKNOWN_SKILL, raw=request.skill)
        value = [{"name": part, "description": ""} for part in parts[: request.breadth]]
        return Reply(outcome=Outcome.OK, value=value) if value else Reply(outcome=Outcome.EMPTY)

    def _missing(self, request: NameMissingSkills) -> Reply:
        """The question's main skill, and the skill of the first wrong step where that is another one.

        STAT's teacher names 2 to 3 skills a question (arXiv 2510.10023, B.2). A wrong sum inside a long product shows
        that the product is not mastered, and perhaps the sum.
        """
        question = request.question
        steps = self.domain.check(question, request.response)
        wrong = next((step for step in steps if step.score < 1.0), None)
        if steps and wrong is None:
            return Reply(outcome=Outcome.JUDGED_CORRECT)
        named = [*question.skills[:1], *([wrong.skill] if wrong is not None and wrong.skill else [])]
        return _among(tuple(dict.fromkeys(named)), request.allowed)

    def _write(self, request: WriteQuestions, rng: random.Random) -> Reply:
        skill = request.skill or rng.choice([seed.skills[0] for seed in request.seeds if seed.skills] or [""])
        if skill not in self.domain.skills_of():
            return Reply(outcome=Outcome.UNKNOWN_SKILL, raw=skill)
        known = [seed.level for seed in request.seeds if seed.level is not None]
        levels = [min(max(level, 1), 3) for level in known] or [1, 2, 3]
        questions = [self.domain.generate(skill, rng.choice(levels), rng) for _ in range(request.count)]
        return Reply(outcome=Outcome.OK, value=[written(question) for question in questions])

    def _textbook(self, skill: str, rng: random.Random) -> Reply:
        if skill not in self.domain.skills_of():
            return Reply(outcome=Outcome.UNKNOWN_SKILL, raw=skill)
        return Reply(outcome=Outcome.OK, value=self.domain.textbook(skill, rng))

    def _exercises(self, request: WriteExercises, rng: random.Random) -> Reply:
        if request.skill not in self.domain.skills_of():
            return Reply(outcome=Outcome.UNKNOWN_SKILL, raw=request.skill)
        made = [self.domain.generate(request.skill, rng.randint(1, 3), rng) for _ in range(request.count)]
        return Reply(outcome=Outcome.OK, value=[written(question) for question in made])

    def _compose(self, request: Compose, rng: random.Random) -> Reply:
        """EMPTY for what cannot be put together exactly."""
        made = self.domain.compose(request.questions, rng)
        return Reply(outcome=Outcome.EMPTY) if made is None else Reply(outcome=Outcome.OK, value=written(made))


def _among(skills: Sequence[str], allowed: Sequence[str]) -> Reply:
    """`skills` as the reply, those outside the vocabulary left out."""
    known = [skill for skill in skills if skill in allowed]
    if known:
        return Reply(outcome=Outcome.OK, value=known)
    return Reply(outcome=Outcome.UNKNOWN_SKILL if skills else Outcome.EMPTY, raw=", ".join(skills))
