"""The loop, as a paragraph. Every line is a verb; each reads the tables that the line above made.

    answer ──> diagnose ──> study ──────────> fine_tune ──> answer ──> ...
    roll_out   missing      plan, fulfil,     DeepSpeed      held-out scores, and
    grade      skills       schedule          ZeRO           the next round's evidence

Who runs a verb, where, and whether its tables are already there is the backend's business.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Protocol

from skillray.config.students import StudentConfig


class Verb(StrEnum):
    """What a student can be in; also the names of runners and of the entries under `seconds` in status.json."""

    PREPARE = "prepare"
    """Questions and the skill graph into the run folder; once a run."""
    ANSWER = "answer"
    """roll_out and grade: held-out scores of the checkpoint so far, and evidence for the round to come."""
    EVALUATE = "evaluate"
    """roll_out and grade the evaluation sets: before any training, and with what the last round made."""
    DIAGNOSE = "diagnose"
    PLAN = "plan"
    """The orders alone, where the student itself has to answer what they draw."""
    SAMPLE = "sample"
    """Its answers to the drawn pool questions; the right ones are what it studies."""
    STUDY = "study"
    """plan, fulfil and the schedule."""
    UPDATE = "update"
    """The later segments of a round whose examples are edited while the student learns them; beside fine_tune."""
    FINE_TUNE = "fine_tune"
    SUMMARISE = "summarise"
    """Counts, intervals and the report; once a run."""


class Stop(StrEnum):
    """Why a student's run ended."""

    ROUNDS_DONE = "rounds_done"
    NOTHING_TO_LEARN = "nothing_to_learn"
    """The curriculum ordered nothing: no difficult question is left, or none shows a missing skill."""
    NOTHING_LEFT = "nothing_left"
    """Something is missing, and nothing to study it with: no pool question, or filters removed every example."""


class Verbs(Protocol):
    """The backend. Every verb returns when its tables are complete, at once when they already are."""

    async def answer(self, student: StudentConfig, round_index: int) -> None: ...
    async def evaluate(self, student: StudentConfig, round_index: int) -> None: ...
    async def diagnose(self, student: StudentConfig, round_index: int) -> None: ...
    async def study(self, student: StudentConfig, round_index: int) -> Stop | None: ...
    async def fine_tune(self, student: StudentConfig, round_index: int) -> None: ...


async def run_student(student: StudentConfig, rounds: int, on: Verbs) -> Stop:
    """All rounds of one student. Evidence r is of the checkpoint that round r starts from.

    A curriculum that looks at no evidence does not wait for it: its student is scored while it goes on.

    Raises:
        ExceptionGroup: what the verbs raised.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(on.evaluate(student, 0))
        for index in range(rounds + 1):
            evidence = tasks.create_task(_evidence(student, index, on))
            if student.stage(index).curriculum.needs:
                await evidence
            stop = Stop.ROUNDS_DONE if index == rounds else await on.study(student, index)
            if stop:
                if index:
                    tasks.create_task(on.evaluate(student, index))
                return stop
            await on.fine_tune(student, index)
    raise AssertionError("the last turn of the loop returns")


async def _evidence(student: StudentConfig, index: int, on: Verbs) -> None:
    await on.answer(student, index)
    await on.diagnose(student, index)
