"""What the algorithms need from the world. Implementations live below or in on_ray; nothing here imports them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from skillray.types import Question, StepScore


class StepScorer(Protocol):
    """One reward in [0, 1] per reasoning step."""

    def __call__(self, answers: Sequence[tuple[Question, str]]) -> list[tuple[StepScore, ...] | str]:
        """For each (question, response), in order: its steps, none when nothing was written; or why it has no scores.

        All samples of a question come together, next to each other.
        """
        ...


class Task(StrEnum):
    """The tasks of `ask(task, requests)`; the request types are in `skillray.teacher.tasks`."""

    LABEL_SKILLS = "label_skills"
    """Which skills of the vocabulary does this question need? (`LabelSkills`)"""
    CLUSTER_SKILLS = "cluster_skills"
    """Which of these names of skills belong together? (`ClusterSkills`)"""
    NAME_MISSING_SKILLS = "name_missing_skills"
    """Which skills did this response fail to use? (`NameMissingSkills`)"""
    WRITE_QUESTIONS = "write_questions"
    """New questions after seed questions, for a skill or just like them. (`WriteQuestions`)"""
    SOLVE = "solve"
    """One step-by-step solution with a final answer (`Solve`), or the reference solution in other words (`Rewrite`)."""
    WRITE_TEXTBOOK = "write_textbook"
    """A textbook passage on a skill. (`WriteTextbook`)"""
    WRITE_EXERCISES = "write_exercises"
    """Exercises that need a skill, with solutions. (`WriteExercises`)"""
    COMPOSE = "compose"
    """One harder question made of easy ones, with its solution. (`Compose`)"""
    DECOMPOSE = "decompose"
    """The skills that a skill is made of. (`Decompose`)"""
    GRADE = "grade"
    """Points for a response, by criteria. (`Grade`)"""


class Ask(Protocol):
    """A teacher as its callers see it: typed requests in, one reply for each, same order.

    Raises:
        DeadlineError: no teacher answered in time. A failing teacher is never a reply that looks like data.
    """

    def __call__(self, task: Any, requests: Sequence[Any]) -> list[Any]: ...


class OpenTeacher(Protocol):
    """Where a teacher is: travels to workers, and connects there."""

    def __call__(self) -> Ask: ...
