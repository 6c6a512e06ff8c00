"""Fulfil: orders to examples. Questions come from the pool, from the examples before, or from the teacher.

pool            ──> Select: what the orders drew of it              ──> drafts ──┐
examples before ──> Carry: what the orders go on with               ──> drafts ──┤
orders          ──> Fulfil: `write`, by kind; nothing that leaks    ──> drafts ──┴> merge ──> examples
                    (a unit of orders at a time)                  one row for each (question, response), no
                                                                  near-duplicates, nothing that is held out
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.curriculum.base import NEW, WRITTEN, OrderKind
from skillray.errors import StageError
from skillray.grading.answers import extract_answer
from skillray.grading.pool import AnswerPool
from skillray.grading.texts import Leaks
from skillray.loop.write import WRITERS, Desk, Row
from skillray.protocols import OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.schemas import DRAFTS
from skillray.store.tables import Table
from skillray.teacher.agreement import SameAnswer
from skillray.training.examples import Encoded, encode_chats, encode_texts, token_columns
from skillray.types import Id

NO_TOKENS = (np.empty(0, np.int32), 0)


@dataclass(frozen=True)
class Fulfil:
    """Stage: orders that a teacher writes, to drafts of examples (DRAFTS schema), tokenised for the student."""

    pool: str
    """Folder of the pool table."""
    model: str
    """Whose tokenizer and chat template."""
    teacher: OpenTeacher
    graph: SkillGraph
    solutions: int
    min_agreement: int
    wave: int = 0
    """How often these orders have been sent before: the teacher writes others each time."""
    topic: str = ""
    """What the graph's skills were taken apart from."""
    previous: str | None = None
    """Folder of the examples of the segment before, whose questions orders may name as well."""
    evaluation: tuple[str, ...] = ()
    """Folders of the tables of questions that no example may give away."""
    checked: Set[OrderKind] = NEW
    """Kinds of which that is seen to."""
    prompt: StudentPrompt = BARE

    def open(self) -> Callable[[pa.Table], pa.Table]:
        from skillray.training.checkpoint import load_tokenizer

        tokenizer, ask, answers = load_tokenizer(self.model), self.teacher(), AnswerPool()
        seeds, leaks = Seeds(self.pool, self.previous, self.graph), leaks_of(self.evaluation)

        def fulfil(orders: pa.Table) -> pa.Table:
            rows = [row for row in orders.to_pylist() if row["kind"] in WRITTEN]
            desk = Desk(
                ask=ask,
                same=answers.same,
                seeds=seeds.find({question_id for row in rows for question_id in row["question_ids"]}),
                graph=self.graph,
                solutions=self.solutions,
                min_agreement=self.min_agreement,
                wave=self.wave,
                topic=self.topic,
                all_solutions=self.previous is None,
            )
            drafts: list[Row] = []
            for kind, write in WRITERS.items():
                if to_write := [row for row in rows if row["kind"] == kind]:
                    drafts += write(to_write, desk)
            return as_drafts(
                tokenizer,
                [without_leaks(row, leaks, answers.same) if row["origin"] in self.checked else row for row in drafts],
                prompt=self.prompt,
            )

        return fulfil


@dataclass
class Seeds:
    """Questions that orders name: of the pool, or of the examples of the segment before."""

    pool: str
    previous: str | None
    graph: SkillGraph

    def __post_init__(self) -> None:
        columns = ["question_id", "question", "response", "skills"]
        self._pool = Table(self.pool).read()
        self._previous = Table(self.previous).read(columns) if self.previous else None

    def find(self, wanted: set[Id]) -> dict[Id, Row]:
        """Rows of QUESTIONS by question_id; `StageError` for one that is nowhere."""
        found = {row["question_id"]: row for row in _rows(self._pool, wanted)}
        if self._previous is not None:
            before = _rows(self._previous, wanted - found.keys())
            found |= {row["question_id"]: self._as_question(row) for row in before}
        if lost := wanted - found.keys():
            raise StageError(f"fulfil: question {min(lost).hex()} is neither in the pool nor among the examples before")
        return found

    def _as_question(self, row: Row) -> Row:
        """What the student was shown is the solution."""
        subject = self.graph.subjects.get(row["skills"][0], "") if row["skills"] else ""
        answer = extract_answer(row["response"]) or ""
        return row | {"answer": answer, "solution": row["response"], "level": None, "subject": subject}


def _rows(table: pa.Table, wanted: set[Id]) -> list[Row]:
    match = pc.is_in(table["question_id"], value_set=pa.array(sorted(wanted), table.schema.field("question_id").type))
    rows: list[Row] = table.filter(match).to_pylist()
    return rows


def _encode_passages(tokenizer: Any, passages: list[Row]) -> list[Encoded]:
    return encode_texts(tokenizer, [row["response"] for row in passages]) if passages else []


def leaks_of(folders: tuple[str, ...]) -> Leaks:
    tables = [Table(folder).read(["question", "answer"]) for folder in folders]
    return Leaks((row["question"], row["answer"]) for table in tables for row in table.to_pylist())


def without_leaks(row: Row, leaks: Leaks, same: SameAnswer) -> Row:
    """`row`, refused where it gives an evaluation question away."""
    if row["refused"] is not None:
        return row
    if leaks.shares_text(row["question"] or row["response"]):
        return row | {"refused": "evaluation_text"}
    alike = leaks.alike(row["question"]) if row["question"] else []
    answer = extract_answer(row["response"]) if alike else None
    leaked = answer is not None and any(same(answer, other) for other in alike)
    return row | {"refused": "evaluation_answer"} if leaked else row


def as_drafts(tokenizer: Any, rows: list[Row], cut: int | None = None, prompt: StudentPrompt = BARE) -> pa.Table:
    """With tokens: questions as chats, passages as plain texts, and none for what was refused.

    `cut`: tokens of a passage, behind which it ends. `prompt`: the words around questions; by default none.
    """
    chats = [row for row in rows if row["refused"] is None and row["question"]]
    passages = [row for row in rows if row["refused"] is None and not row["question"]]
    refused = [row for row in rows if row["refused"] is not None]
    encoded = [
        *encode_chats(tokenizer, [(row["question"], row["response"]) for row in chats], prompt),
        *((ids[:cut], start) for ids, start in _encode_passages(tokenizer, passages)),
    ]
    ordered = [*chats, *passages, *refused]
    tokens = token_columns([*encoded, *[NO_TOKENS] * len(refused)])
    texts = {name: [row[name] for row in ordered] for name in DRAFTS.names if name not in tokens}
    return pa.table(texts | tokens, schema=DRAFTS)
