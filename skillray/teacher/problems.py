"""Problems with their solutions out of a teacher's reply: exercises, and a harder problem made of easy ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skillray.skills.graph import bare
from skillray.skills.names import normalised
from skillray.teacher.fields import field_of, text_of
from skillray.teacher.json_text import objects_in, values_in
from skillray.teacher.naming import names_of
from skillray.teacher.tasks import MAX_SKILLS, Compose, Outcome, WriteExercises, written
from skillray.types import Question

Problem = tuple[str, str, list[str]]
"""Problem, solution, and the skills that it names."""


def problems_in(request: WriteExercises | Compose, text: str) -> tuple[Outcome, Any]:
    """(OK, the value of the reply), or why there is none and None. They come in a list, or in an object each."""
    objects = [body for value in values_in(text) for body in objects_in(value)]
    pairs = [pair for body in objects if (pair := _problem(body)) is not None]
    if not pairs:
        is_empty = any(field_of(body, "exercises") == [] for body in objects)
        return (Outcome.EMPTY if is_empty else Outcome.MALFORMED), None
    if isinstance(request, WriteExercises):
        return Outcome.OK, [written(_exercise(pair, request)) for pair in _by_problem(pairs)[: request.count]]
    easy = {_squeezed(question.question) for question in request.questions}
    problem, solution, _ = pairs[-1]
    if _squeezed(problem) in easy:
        return Outcome.SEED_AGAIN, None
    return Outcome.OK, written(_composed(problem, solution, request))


def _problem(body: dict[str, Any]) -> Problem | None:
    """None where one of the two texts is missing."""
    problem, solution = text_of(field_of(body, "problem")), text_of(field_of(body, "solution"))
    return (problem, solution, names_of(field_of(body, "skills")) or []) if problem and solution else None


def _by_problem(pairs: Sequence[Problem]) -> list[Problem]:
    return list({_squeezed(pair[0]): pair for pair in reversed(pairs)}.values())[::-1]


def _squeezed(text: str) -> str:
    """Signs tell problems apart, spaces do not."""
    return "".join(text.casefold().split())


def _exercise(pair: Problem, request: WriteExercises) -> Question:
    problem, solution, named = pair
    known = {normalised(bare(skill, request.subject)): skill for skill in request.learned}
    names = [part for name in named for part in name.split(",")]
    used = [known[key] for name in names if (key := normalised(name)) in known]
    skills = tuple(dict.fromkeys((request.skill, *used)))[:MAX_SKILLS]
    return _solved(problem, solution, skills, request.subject, None)


def _composed(problem: str, solution: str, request: Compose) -> Question:
    """It needs what they need, and is one level harder than the hardest."""
    skills = tuple(dict.fromkeys(skill for question in request.questions for skill in question.skills))[:MAX_SKILLS]
    levels = [question.level for question in request.questions if question.level is not None]
    return _solved(problem, solution, skills, request.questions[0].subject, max(levels) + 1 if levels else None)


def _solved(problem: str, solution: str, skills: tuple[str, ...], subject: str, level: int | None) -> Question:
    texts = {"question": problem, "answer": "", "solution": solution}
    return Question(question_id=b"", skills=skills, subject=subject, level=level, **texts)
