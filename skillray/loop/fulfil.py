"""Fulfil: orders to examples. Selected questions come from the pool, new ones from the teacher.

pool   ──> Select: what the orders drew of it     ──> drafts ──┐
orders ──> Fulfil: write_questions,                            ├──> merge ──> examples
           solve three times, agreement; rewrite  ──> drafts ──┘    one row for each (question, response),
           (a unit of orders at a time)                             nothing that is held out
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import WRITTEN, OrderKind
from skillray.errors import StageError
from skillray.grading.answers import extract_answer
from skillray.grading.pool import AnswerPool
from skillray.loop.questions import question_of
from skillray.protocols import Ask, OpenTeacher
from skillray.store.schemas import EXAMPLES
from skillray.store.tables import Table
from skillray.teacher.agreement import SameAnswer, agree
from skillray.teacher.tasks import Outcome, Rewrite, Solve, Task, WriteQuestions
from skillray.training.examples import encode_chats, token_columns
from skillray.types import Id, Question, content_id

Row = dict[str, Any]


@dataclass(frozen=True)
class Fulfil:
    """Stage: orders that a teacher writes, to drafts of examples (EXAMPLES schema), tokenised for the student."""

    pool: str
    """Folder of the pool table."""
    model: str
    """Whose tokenizer and chat template."""
    teacher: OpenTeacher | None
    solutions: int
    min_agreement: int
    wave: int = 0
    """How often these orders have been sent before: the teacher writes others each time."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        from skillray.training.checkpoint import load_tokenizer

        tokenizer = load_tokenizer(self.model)
        pool = Table(self.pool).read()
        ask = self.teacher() if self.teacher else None
        answers = AnswerPool()

        def fulfil(orders: pa.Table) -> pa.Table:
            rows = [row for row in orders.to_pylist() if row["kind"] in WRITTEN]
            wanted = {question_id for row in rows for question_id in row["question_ids"]}
            by_id = _look_up(pool, wanted)
            assert ask is not None, "a plan that has something written needs a teacher"
            drafts: list[Row] = []
            for kind, write in ((OrderKind.SYNTHESIZE, self._synthesize), (OrderKind.AUGMENT, self._augment)):
                if to_write := [row for row in rows if row["kind"] == kind]:
                    drafts += write(to_write, by_id, ask, answers.same)
            chats = [(draft["question"], draft["response"]) for draft in drafts]
            tokens = token_columns(encode_chats(tokenizer, chats))
            texts = {name: [draft[name] for draft in drafts] for name in EXAMPLES.names if name not in tokens}
            return pa.table(texts | tokens, schema=EXAMPLES)

        return fulfil

    def _synthesize(self, orders: list[Row], by_id: dict[Id, Row], ask: Ask, same: SameAnswer) -> list[Row]:
        """STAT-Syn (arXiv 2510.10023, B.2): write after seeds, solve several times, keep what agrees."""
        written = ask(Task.WRITE_QUESTIONS, [self._request(order, by_id) for order in orders])
        found = [
            (order, _question(body))
            for order, reply in zip(orders, written, strict=True)
            if _usable(reply, "write_questions")
            for body in reply.value
        ]
        solves = [Solve(question=question, sample=n) for _, question in found for n in range(self.solutions)]
        texts = [reply.value if _usable(reply, "solve") else "" for reply in ask(Task.SOLVE, solves)]
        drafts = []
        for place, (order, question) in enumerate(found):
            mine = texts[place * self.solutions : (place + 1) * self.solutions]
            agreement = agree(mine, [extract_answer(text) for text in mine], same, self.min_agreement)
            parents = list(order["question_ids"])
            drafts += [
                _draft(order, question.question, text, list(question.skills), parents) for text in agreement.solutions
            ]
        return drafts

    def _augment(self, orders: list[Row], by_id: dict[Id, Row], ask: Ask, same: SameAnswer) -> list[Row]:
        """MATH-Augment (arXiv 2510.10023, 3.1): one rewrite a wave, kept if its final answer equals the reference.

        The paper does not filter; a rewrite with another answer would teach that the reference is wrong.
        """
        wanted = [(order, by_id[order["question_ids"][0]]) for order in orders if self.wave < order["count"]]
        requests = [Rewrite(question=question_of(row), index=self.wave) for _, row in wanted]
        drafts = []
        for (order, row), reply in zip(wanted, ask(Task.SOLVE, requests) if requests else [], strict=True):
            answer = extract_answer(reply.value) if _usable(reply, "rewrite") else None
            if answer is not None and same(answer, row["answer"]):
                drafts.append(_draft(order, row["question"], reply.value, row["skills"], [row["question_id"]]))
        return drafts

    def _request(self, order: Row, by_id: dict[Id, Row]) -> WriteQuestions:
        seeds = tuple(question_of(by_id[question_id]) for question_id in order["question_ids"])
        return WriteQuestions(skill=order["skill"], seeds=seeds, count=order["count"], index=self.wave)


def _look_up(pool: pa.Table, wanted: set[Id]) -> dict[Id, Row]:
    match = pc.is_in(pool["question_id"], value_set=pa.array(sorted(wanted), pool.schema.field("question_id").type))
    return {row["question_id"]: row for row in pool.filter(match).to_pylist()}


def _draft(order: Row, question: str, response: str, skills: list[str], parents: list[Id]) -> Row:
    return {
        "example_id": content_id(question, response),
        "question_id": content_id(question),
        "question": question,
        "response": response,
        "skills": skills,
        "origin": order["kind"],
        "parents": parents,
        "multiplicity": 1,
        "weight": order["weight"],
        "unit": order["unit"],
    }


def _question(body: Row) -> Question:
    return Question(**body | {"question_id": content_id(body["question"]), "skills": tuple(body["skills"])})


def _usable(reply: Any, task: str) -> bool:
    if reply.outcome is Outcome.UNSUPPORTED:
        raise StageError(f"fulfil: the teacher could not {task.replace('_', ' ')} ({reply.outcome})")
    return bool(reply.outcome is Outcome.OK)
