"""The story of one question: what each student answered, what was missing, what was written for it, how it went on.

Everything is read from the tables of the run folder, part by part, so that a large run costs time and no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import DataError
from skillray.store.files import names_in
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.records import Status, Summary, read_record
from skillray.store.tables import Table
from skillray.types import Id

Row = dict[str, Any]
SHOWN_EXAMPLES = 3
"""Examples that are shown of those that one order brought."""
MAX_CANDIDATES = 5
"""Questions that are named where a text occurs in several."""
QUESTION_COLUMNS = ("question_id", "source_id", "question", "answer", "solution", "skills", "subject", "level")
GRADED_COLUMNS = (
    *("question_id", "sample", "response", "correct", "verdict", "step_texts", "step_scores", "judged", "difficult"),
    "refused",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an answer that the step scorer could read."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One sample of a student's answers to the question."""

    sample: int
    response: str
    correct: bool
    verdict: str
    steps: tuple[Step, ...]
    judged: bool
    """Whether this is the sample that decides if the question is difficult."""
    unscored: str
    """Why its steps have no scores; empty where they have."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """One order that the question caused, and what came of it."""

    kind: str
    skill: str
    count: int
    """Examples that were asked for."""
    examples: tuple[Row, ...]
    """The first rows of EXAMPLES (question, response, multiplicity) that it brought."""
    num_examples: int
    """How many it brought in all; an example that several orders drew counts for each of them."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """What a student did with the question at one checkpoint, and what the round that followed made of it."""

    round: int
    """The round that made the checkpoint; -1 before any training."""
    answers: tuple[Answer, ...]
    difficult: bool
    missing_skills: tuple[str, ...]
    outcome: str
    """How the diagnosis ended for this question; empty where there was none."""
    orders: tuple[Ordered, ...]


@dataclass(frozen=True, slots=True)
class Studied:
    """A pool question that a student was trained on."""

    round: int
    origin: str
    """The kind of the order that drew it."""
    multiplicity: int


@dataclass(frozen=True, slots=True)
class StudentStory:
    student: str
    chapters: tuple[Chapter, ...]
    studied: tuple[Studied, ...]


@dataclass(frozen=True, slots=True)
class QuestionStory:
    question: Row
    """A row of QUESTIONS, with its `split`."""
    students: tuple[StudentStory, ...]


def story_of(run: RunFolder, question: str, student: str | None = None) -> QuestionStory:
    """What the run folder knows of a question.

    Args:
        question: its id in hexadecimal, the beginning of one, or a text that only one question holds.
        student: the student to tell of; None tells of all.

    Raises:
        DataError: there is no such question or student, or the text is in several questions.
    """
    row = find_question(run, question)
    names = [*dict.fromkeys([*read_record(run.summary, Summary).order, *read_record(run.status, Status).students])]
    if student is not None and student not in names:
        raise DataError(f"--student: {student!r} is none of this run's; there are {', '.join(names) or 'none yet'}")
    chosen = names if student is None else [student]
    return QuestionStory(row, tuple(_student_story(run, name, row["question_id"]) for name in chosen))


def find_question(run: RunFolder, text: str) -> Row:
    """The one question whose id begins with `text`, or that holds it."""
    by_id: dict[Id, Row] = {}
    by_text: dict[Id, Row] = {}
    for split, part in _questions(run):
        ids = part["question_id"].to_pylist()
        texts = part["question"].to_pylist()
        for index, (question_id, question) in enumerate(zip(ids, texts, strict=True)):
            if question_id.hex().startswith(text.lower()):
                by_id[question_id] = part.slice(index, 1).to_pylist()[0] | {"split": split}
            elif text in question:
                by_text[question_id] = part.slice(index, 1).to_pylist()[0] | {"split": split}
    candidates = list((by_id or by_text).values())
    if not candidates:
        raise DataError(f"{run.path}: no question has an id that begins with {text!r}, or holds this text")
    if len(candidates) > 1:
        shown = "; ".join(
            f"{row['question_id'].hex()[:8]} {row['question'][:50]!r}" for row in candidates[:MAX_CANDIDATES]
        )
        raise DataError(f"{run.path}: {len(candidates)} questions match {text!r}; give one of these ids: {shown}")
    return candidates[0]


def _questions(run: RunFolder) -> Iterator[tuple[str, pa.Table]]:
    """(split, a part of its questions) for every split that the run has."""
    splits = [name for name in names_in(run.file("data")) if name in ("pool", "held_out", "profile")]
    splits += [name for name in names_in(run.file("data")) if name.startswith("profile-")]
    for split in splits:
        table = run.questions(split)
        if table.complete() and not split.endswith("-embedded"):
            for part in table.iterate(QUESTION_COLUMNS):
                yield split, part


def _student_story(run: RunFolder, student: str, question_id: Id) -> StudentStory:
    chapters, studied = [], list[Studied]()
    checkpoint, folder = -1, run.base(student)
    while True:
        following = run.round(student, checkpoint + 1)
        chapter = _chapter(checkpoint, folder, following, question_id)
        if chapter is not None:
            chapters.append(chapter)
        studied += _studied(checkpoint + 1, following, question_id)
        if not following.table("scores").complete():
            return StudentStory(student, tuple(chapters), tuple(studied))
        checkpoint, folder = checkpoint + 1, following


def _chapter(checkpoint: int, folder: RoundFolder, following: RoundFolder, question_id: Id) -> Chapter | None:
    """Scores lie with the round that made the checkpoint, evidence with the round that uses it."""
    rows = _rows(folder.table("scores"), GRADED_COLUMNS, question_id)
    rows += _rows(following.table("graded"), GRADED_COLUMNS, question_id)
    if not rows:
        return None
    gaps = _rows(following.table("gaps"), ("question_id", "missing_skills", "outcome"), question_id)
    gap: Row = gaps[0] if gaps else {"missing_skills": (), "outcome": ""}
    return Chapter(
        round=checkpoint,
        answers=tuple(_answer(row) for row in rows),
        difficult=any(row["difficult"] for row in rows),
        missing_skills=tuple(gap["missing_skills"]),
        outcome=gap["outcome"],
        orders=tuple(_orders(following.segment(), question_id)),
    )


def _answer(row: Row) -> Answer:
    steps = zip(row["step_texts"], row["step_scores"], strict=False)
    return Answer(
        sample=row["sample"],
        response=row["response"],
        correct=row["correct"],
        verdict=row["verdict"],
        steps=tuple(Step(text, score) for text, score in steps),
        judged=row["judged"],
        unscored=row["refused"] or "",
    )


def _orders(segment: RoundFolder, question_id: Id) -> Iterator[Ordered]:
    columns = ("kind", "skill", "parent_id", "question_ids", "count")
    for order in _rows(segment.table("orders"), columns, question_id, "parent_id"):
        examples = list(_brought(segment.table("examples"), order))
        yield Ordered(
            kind=order["kind"],
            skill=order["skill"] or "",
            count=order["count"],
            examples=tuple(examples[:SHOWN_EXAMPLES]),
            num_examples=len(examples),
        )


def _brought(examples: Table, order: Row) -> Iterator[Row]:
    """Rows that an order brought: the questions that it draws, or what was written after the seeds that it names."""
    if not examples.complete():
        return
    columns = ("question_id", "question", "response", "skills", "origin", "parents", "multiplicity")
    named = set(order["question_ids"])
    for part in examples.iterate(columns):
        same_kind = part.filter(pc.equal(part["origin"], order["kind"]))
        for row in same_kind.to_pylist():
            is_drawn = row["question_id"] in named and not row["parents"]
            is_written = bool(row["parents"]) and set(row["parents"]) == named
            if is_drawn or (is_written and order["skill"] in (None, *row["skills"])):
                yield row


def _studied(round_index: int, folder: RoundFolder, question_id: Id) -> Iterator[Studied]:
    columns = ("question_id", "origin", "multiplicity")
    for row in _rows(folder.segment().table("examples"), columns, question_id):
        yield Studied(round_index, row["origin"], row["multiplicity"])


def _rows(table: Table, columns: Sequence[str], question_id: Id, column: str = "question_id") -> list[Row]:
    """The rows of a table in which `column` is the question; none where there is no such table yet."""
    if not table.complete():
        return []
    rows: list[Row] = []
    for part in table.iterate(columns):
        match = pc.equal(part[column], pa.scalar(question_id, part.schema.field(column).type))
        rows += part.filter(match).to_pylist()
    return rows
