"""Answers to pool questions that are not the pool's own: a teacher's rewrites, or what the student itself gets right.

pool ──> Drawn ──> asked ──> Rewritten (a teacher) ───────────────> answers      one row for each drawn question
                       └───> rollouts (the student) ──> Verified ──> answers
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.answers import Otherwise
from skillray.errors import StageError
from skillray.grading.answers import Verdict, extract_answer
from skillray.grading.pool import AnswerPool
from skillray.loop.questions import question_of
from skillray.loop.select import draws_of
from skillray.protocols import OpenTeacher
from skillray.store.schemas import QUESTIONS, USABLE
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome, Reply, Rewrite, Task
from skillray.thoughts import without_thoughts
from skillray.types import Id

Row = dict[str, Any]
CUT_OFF = "cut_off"
"""Verdict of a right answer that the length limit ended: whoever learns it does not learn to stop."""
REPEATED = "repeated"
"""Verdict of a right answer in the words of an earlier one."""
FATES: dict[Otherwise, str] = {"human": "by_human_solution", "drop": "dropped"}
"""What becomes of a question without an answer that may be studied, as its count is called."""
ANOTHER_ANSWER = "another_answer"
"""Verdict of a rewrite that comes to another final answer than the reference."""


@dataclass(frozen=True)
class Drawn:
    """Stage: pool to the questions that the orders draw, each once."""

    orders: str
    """Folder of the orders table."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        drawn = draws_of(Table(self.orders))["question_id"].combine_chunks()

        def ask(pool: pa.Table) -> pa.Table:
            return pool.filter(pc.is_in(pool["question_id"], value_set=drawn))

        return ask


@dataclass(frozen=True)
class Verified:
    """Stage: the student's rollouts to answers; a question's samples stand next to each other. No step is scored."""

    deadline_s: float
    """CPU seconds for one answer."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        pool = AnswerPool(deadline_s=self.deadline_s)

        def verify(rollouts: pa.Table) -> pa.Table:
            # Nobody learns to think from thoughts that nobody judged: the reply alone is studied.
            rows = [row | {"response": without_thoughts(row["response"])} for row in rollouts.to_pylist()]
            verdicts = pool.grade([(row["response"], row["answer"]) for row in rows])
            judged = [(row, _own_verdict(row, verdict)) for row, verdict in zip(rows, verdicts, strict=True)]
            answered = []
            for _, samples in groupby(judged, key=lambda pair: pair[0]["question_id"]):
                of_question = list(samples)
                answered.append(_answered(of_question[0][0], [(row["response"], why) for row, why in of_question]))
            return pa.Table.from_pylist(answered, schema=USABLE)

        return verify


@dataclass(frozen=True)
class Rewritten:
    """Stage: asked to answers. A question is rewritten as often as it was drawn, up to `count` times.

    The requests are those of MATH-Augment, the index tells them apart: whoever asks again, in another round or for
    another student, has the replies from the log.
    """

    orders: str
    """Folder of the orders table."""
    count: int
    teacher: OpenTeacher

    def open(self) -> Callable[[pa.Table], pa.Table]:
        ask, answers, times = self.teacher(), AnswerPool(), _times(self.orders)

        def rewrite(asked: pa.Table) -> pa.Table:
            rows = asked.to_pylist()
            counts = [min(self.count, times[row["question_id"]]) for row in rows]
            wanted = [(row, index) for row, count in zip(rows, counts, strict=True) for index in range(count)]
            requests = [Rewrite(question=question_of(row), index=index) for row, index in wanted]
            replies = iter(ask(Task.SOLVE, requests) if requests else [])
            written = [[next(replies) for _ in range(count)] for count in counts]
            judged = [
                _answered(row, [_rewrite(row, reply, answers.same) for reply in of_question])
                for row, of_question in zip(rows, written, strict=True)
            ]
            return pa.Table.from_pylist(judged, schema=USABLE)

        return rewrite


def answer_notes(answers: Table, otherwise: Otherwise) -> dict[str, float]:
    """For a reader: how many answers were written to how many questions, what became of them, and how many questions
    have none that can be studied."""
    verdicts, questions, without = Counter[str](), 0, 0
    for part in answers.iterate(["responses", "verdicts"]):
        verdicts.update(pc.list_flatten(part["verdicts"]).to_pylist())
        questions += part.num_rows
        without += pc.sum(pc.equal(pc.list_value_length(part["responses"]), 0)).as_py() or 0
    by_verdict = {f"answers_{verdict}": count for verdict, count in sorted(verdicts.items())}
    fallback = {f"questions_without_answer_{FATES[otherwise]}": without} if without else {}
    return {"questions_asked": questions, "answers_written": sum(verdicts.values()), **by_verdict, **fallback}


def drawn_ids(orders: Table) -> list[Id]:
    """The different questions that the orders draw, sorted."""
    return sorted(draws_of(orders)["question_id"].to_pylist())


def _times(orders: str) -> dict[Id, int]:
    draws = draws_of(Table(orders))
    return dict(zip(draws["question_id"].to_pylist(), draws["multiplicity"].to_pylist(), strict=True))


def _own_verdict(row: Row, verdict: Verdict) -> str:
    return CUT_OFF if verdict is Verdict.CORRECT and not row["finished"] else str(verdict)


def _rewrite(row: Row, reply: Reply, same: Callable[[str, str], bool]) -> tuple[str, str]:
    """(text, verdict) of one reply.

    Raises:
        StageError: the teacher cannot do it for these data, whatever the question.
    """
    if reply.outcome is Outcome.UNSUPPORTED:
        raise StageError("answers: the teacher cannot rewrite solutions of these data; set another `teacher`")
    if reply.outcome is not Outcome.OK:
        return "", f"teacher_{reply.outcome}"
    answer = extract_answer(reply.value)
    right = answer is not None and same(answer, row["answer"])
    return reply.value, str(Verdict.CORRECT) if right else ANOTHER_ANSWER


def _answered(row: Row, written: Sequence[tuple[str, str]]) -> Row:
    """The row of one question: what of (text, verdict) may be studied, each text once."""
    usable = dict.fromkeys(text for text, verdict in written if verdict == Verdict.CORRECT)
    fields = {name: row[name] for name in QUESTIONS.names}
    return fields | {"responses": list(usable), "verdicts": list(_verdicts(written))}


def _verdicts(written: Sequence[tuple[str, str]]) -> Iterator[str]:
    before = set[str]()
    for text, verdict in written:
        yield REPEATED if verdict == Verdict.CORRECT and text in before else verdict
        if verdict == Verdict.CORRECT:
            before.add(text)
