"""SwS: new questions written of a set of concepts, judged twice, solved several times, and within the student's reach.

concepts ──> write_exercises ──> grade, twice ──> solve, agreement ──> drafts
drafts ──> Asked ──> rollouts (the student) ──> Measured ──> WithinReach: neither too easy for it nor too hard
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.sws import VERDICTS
from skillray.grading.answers import Verdict, extract_answer
from skillray.grading.pool import AnswerPool
from skillray.loop.write import Desk, asked_of, draft, question_in, with_own_solution
from skillray.skills.graph import bare
from skillray.store.schemas import ACCURACIES, DRAFTS, QUESTIONS
from skillray.store.tables import Table
from skillray.teacher.tasks import Grade, Outcome, Reply, Task, WriteExercises
from skillray.training.examples import NO_TOKENS, token_columns
from skillray.types import Question

Row = dict[str, Any]
CRITERIA = (
    "It is one complete question: nothing that is needed to answer it is missing.",
    "It can be solved: its conditions do not contradict each other.",
    "It has one final answer, which can be checked.",
    "It needs the concepts that it was to be made of.",
)
"""The words are ours; the first two decide whether a question is bad."""
FATAL = 2
"""So many of the criteria, the first ones, make a question bad where one is not met."""


def write_of_concepts(orders: Sequence[Row], desk: Desk) -> list[Row]:
    """A question for each set of concepts; what is badly judged or finds no agreement is refused."""
    requests = [_request(order, desk) for order in orders]
    found, drafts = asked_of(Task.WRITE_EXERCISES, orders, requests, desk)
    pairs = [(order, question_in(body)) for order, value in found for body in value]
    problems = _judged(pairs, desk)
    drafts += [draft(*pair, pair[1].solution, [], why) for pair, why in zip(pairs, problems, strict=True) if why]
    return drafts + with_own_solution([pair for pair, why in zip(pairs, problems, strict=True) if not why], desk)


def verdict_of(replies: Sequence[Reply]) -> str | None:
    """Why a question goes, by its judges; None where it stays: one perfect verdict at least, and no bad one.

    A judge who gave no verdict finds nothing perfect.
    """
    points = [reply.value for reply in replies if reply.outcome is Outcome.OK]
    if any(not all(given[:FATAL]) for given in points):
        return "judged_bad"
    return None if any(all(given) for given in points) else "judged_imperfect"


def _judged(pairs: Sequence[tuple[Row, Question]], desk: Desk) -> list[str | None]:
    """The judges' word on every question. A teacher that judges nothing is an exact one, whose questions are right."""
    requests = [
        Grade(asked=_wanted(order, desk), response=question.question, criteria=CRITERIA, sample=sample)
        for order, question in pairs
        for sample in range(VERDICTS)
    ]
    replies = desk.ask(Task.GRADE, requests) if requests else []
    if all(reply.outcome is Outcome.UNSUPPORTED for reply in replies):
        return [None] * len(pairs)
    return [verdict_of(replies[place : place + VERDICTS]) for place in range(0, len(replies), VERDICTS)]


def _request(order: Row, desk: Desk) -> WriteExercises:
    skill, subject = order["skill"], desk.graph.subjects.get(order["skill"], desk.topic)
    about = desk.graph.descriptions.get(skill, "")
    others = tuple(order["concepts"] or ())
    return WriteExercises(skill=skill, subject=subject, description=about, learned=others, count=1, index=desk.wave)


def _wanted(order: Row, desk: Desk) -> str:
    names = [bare(one, desk.graph.subjects.get(one, "")) for one in (order["skill"], *(order["concepts"] or ()))]
    return f"Write one question that needs these concepts: {', '.join(names)}."


@dataclass(frozen=True)
class Asked:
    """Stage: drafts to the questions of those that may be examples, each once, with the answer of its solution."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        def ask(drafts: pa.Table) -> pa.Table:
            rows = {row["question_id"]: row for row in drafts.to_pylist() if row["refused"] is None and row["question"]}
            return pa.Table.from_pylist([_as_question(row) for row in rows.values()], schema=QUESTIONS)

        return ask


@dataclass(frozen=True)
class Measured:
    """Stage: rollouts to the student's accuracy on every question, one row each."""

    deadline_s: float
    """CPU seconds for one answer."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        pool = AnswerPool(deadline_s=self.deadline_s)

        def measure(rollouts: pa.Table) -> pa.Table:
            rows = rollouts.select(["question_id", "response", "answer"]).to_pylist()
            verdicts = pool.grade([(row["response"], row["answer"]) for row in rows])
            pairs = zip((row["question_id"] for row in rows), verdicts, strict=True)
            found = []
            for question_id, group in groupby(pairs, key=lambda pair: pair[0]):
                right = [verdict is Verdict.CORRECT for _, verdict in group]
                found.append({"question_id": question_id, "accuracy": sum(right) / len(right), "answers": len(right)})
            return pa.Table.from_pylist(found, schema=ACCURACIES)

        return measure


@dataclass(frozen=True)
class WithinReach:
    """Stage: drafts to the same drafts, refused where the student is right too often or too seldom."""

    accuracies: str
    """Folder of the accuracies table."""
    least: float
    most: float

    def open(self) -> Callable[[pa.Table], pa.Table]:
        rows = Table(self.accuracies).read(["question_id", "accuracy"])
        accuracy = dict(zip(rows["question_id"].to_pylist(), rows["accuracy"].to_pylist(), strict=True))

        def reach(drafts: pa.Table) -> pa.Table:
            whys = [self._why(accuracy.get(question_id)) for question_id in drafts["question_id"].to_pylist()]
            refused = pc.coalesce(drafts["refused"], pa.array(whys, pa.string()))
            gone = pc.is_valid(refused)
            kept = drafts.filter(pc.invert(gone))
            rest = drafts.filter(gone)
            tokens = token_columns([NO_TOKENS] * rest.num_rows)
            columns = {name: tokens[name] if name in tokens else rest[name] for name in DRAFTS.names}
            without = pa.table(columns | {"refused": refused.filter(gone)}, schema=DRAFTS)
            return pa.concat_tables([kept.cast(DRAFTS), without])

        return reach

    def _why(self, accuracy: float | None) -> str | None:
        if accuracy is None or self.least <= accuracy <= self.most:
            return None
        return "too_hard_for_student" if accuracy < self.least else "too_easy_for_student"


def _as_question(row: Row) -> Row:
    answer = extract_answer(row["response"]) or ""
    fields = {name: row[name] for name in ("question_id", "question", "skills")}
    return fields | {"answer": answer, "solution": row["response"], "split": "pool"}
