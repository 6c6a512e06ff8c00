"""Questions of the evaluation sets: read from files or Hugging Face data sets, whose columns may have other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from skillray.config.evaluation import EvaluationSet
from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.grading.answers import extract_answer
from skillray.loop.columns import ANSWER, QUESTION, TEXT, check_columns
from skillray.loop.questions import reference_of
from skillray.loop.sources import paths_of
from skillray.loop.table_files import open_questions, open_table
from skillray.store.schemas import QUESTIONS
from skillray.types import content_id

Row = dict[str, Any]
OURS = {name: kind for name, kind in QUESTION.items() if name != "level"}
"""Columns that are read where they are there. A level may be a text elsewhere, and nothing here depends on it."""


def source_of(one: EvaluationSet) -> QuestionSource:
    """Where its questions are."""
    assert one.path is not None, "it is filled in when the set is made"
    return QuestionSource(path=one.path, subset=one.subset, split=one.split)


def read_set(one: EvaluationSet) -> pa.Table:
    """The different questions of a set (QUESTIONS schema), in their order; the split is called as the set is.

    Raises:
        DataError: a file, a column or a row is not what it must be; names it.
    """
    rows = [_row(row, where, one) for path in paths_of(source_of(one)) for where, row in _rows(path, one)]
    distinct = {row["question_id"]: row for row in reversed(rows)}
    return pa.Table.from_pylist(list(distinct.values())[::-1], schema=QUESTIONS)


def _rows(path: str, one: EvaluationSet) -> list[tuple[str, Row]]:
    question, reference = one.question_column or "question", one.reference_column or "answer"
    table = open_table(path, {reference: ANSWER, question: TEXT} | OURS)
    if not {question, "question"} & set(table.column_names):
        table = open_questions(path, tuple(OURS))  # it may be in the columns of those who published it
    table = _renamed(table, question, "question")
    if "question" not in table.column_names:
        raise DataError(f"{path}: column {question!r} is missing; set question_column of evaluation set {one.name!r}")
    table = _renamed(table, reference, "answer")
    if not {"answer", "solution"} & set(table.column_names):
        raise DataError(f"{path}: column {reference!r} is missing; set reference_column of evaluation set {one.name!r}")
    check_columns(table, path, ("question",), OURS)
    return [(f"{path} row {number}", row) for number, row in enumerate(table.to_pylist())]


def _renamed(table: pa.Table, theirs: str, ours: str) -> pa.Table:
    """With their column as ours, where it is there."""
    if theirs == ours or theirs not in table.column_names:
        return table
    column = table[theirs]
    table = table.drop([ours]) if ours in table.column_names else table
    return table.append_column(ours, column)


def _row(row: Mapping[str, Any], where: str, one: EvaluationSet) -> Row:
    question = (row["question"] or "").strip()
    solution, answer = reference_of(row)
    if ("\\boxed" in answer or "####" in answer) and (marked := extract_answer(answer)):
        solution, answer = solution or answer, marked  # the reference column is a solution
    if not question or not answer:
        raise DataError(f"{where}: {'question' if not question else 'answer'} is empty; fill it or remove the row")
    skills = row.get("skills") or []
    return {
        "question_id": content_id(question),
        "source_id": None if row.get("question_id") is None else str(row["question_id"]),
        "question": question,
        "answer": answer,
        "solution": solution,
        "skills": [skills] if isinstance(skills, str) else list(skills),
        "subject": row.get("subject"),
        "level": None,
        "split": one.name,
    }
