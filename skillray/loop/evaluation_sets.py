"""Questions of the evaluation sets: read from files or Hugging Face data sets, whose columns may have other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from skillray.config.evaluation import EvaluationSet
from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.grading.answers import extract_answer
from skillray.loop.columns import QUESTION, whole_text
from skillray.loop.questions import reference_of
from skillray.loop.rows import table_of
from skillray.loop.sources import paths_of
from skillray.loop.table_files import opened, read_rows
from skillray.store.schemas import QUESTIONS
from skillray.types import content_id

Row = dict[str, Any]
OPTIONAL = ("solution", "subject", "skills", "question_id", "level")
"""Columns that are read where they are there, with the types that they have elsewhere."""


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
    named = ((where, _in_our_names(row, where, one)) for where, row in read_rows(path))
    table = opened(path, lambda: table_of(named, path, QUESTION, ("question",)))
    return [(f"{path} row {number}", row) for number, row in enumerate(table.to_pylist())]


def _in_our_names(row: Row, where: str, one: EvaluationSet) -> Row:
    """The columns that are read; `question` and `answer` are those that the set names, or else those called so.

    A level may be a text elsewhere ("Level 3"): it is left out then, for nothing here depends on it.
    """
    ours = {name: row[name] for name in ("question", "answer", *OPTIONAL) if name in row}
    if whole_text(str(ours.get("level"))) is None:
        ours.pop("level", None)
    for name, theirs in (("question", one.question_column), ("answer", one.reference_column)):
        if theirs in row:
            ours[name] = row[theirs]
        elif name not in row and not (name == "answer" and "solution" in row):
            field = "question_column" if name == "question" else "reference_column"
            raise DataError(
                f"{where}: column {theirs!r} is missing; it has {', '.join(row)}; set {field} of evaluation set "
                f"{one.name!r}"
            )
    return ours


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
        "level": row.get("level"),
        "split": one.name,
    }
