"""Questions of the evaluation sets: read from files or Hugging Face data sets, whose columns may have other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from skillray.config.evaluation import EvaluationSet
from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.grading.answers import extract_answer
from skillray.loop.questions import reference_of
from skillray.loop.sources import QUESTION_TYPES, check_columns, open_table, paths_of
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
    table = _in_our_names(open_table(path), path, one)
    kept = [name for name in OPTIONAL if name in table.column_names and _fits(table, name)]
    table = table.select(["question", *(["answer"] if "answer" in table.column_names else []), *kept])
    check_columns(table, path, ("question",), QUESTION_TYPES)
    return [(f"{path} row {number}", row) for number, row in enumerate(table.to_pylist())]


def _in_our_names(table: pa.Table, path: str, one: EvaluationSet) -> pa.Table:
    """A column that the set names, or else one of ours, as `question` and `answer`."""
    wanted = {"question": one.question_column, "answer": one.reference_column}
    for ours, theirs in wanted.items():
        if theirs in table.column_names and theirs != ours:
            column = table[theirs]
            table = table.drop([ours]) if ours in table.column_names else table
            table = table.append_column(ours, column)
        elif theirs not in table.column_names and ours not in table.column_names:
            if ours == "answer" and "solution" in table.column_names:
                continue
            named = "question_column" if ours == "question" else "reference_column"
            raise DataError(
                f"{path}: column {theirs!r} is missing; it has {', '.join(table.column_names)}; set {named} of "
                f"evaluation set {one.name!r}"
            )
    return table


def _fits(table: pa.Table, name: str) -> bool:
    """A level may be a text elsewhere: nothing here depends on it."""
    return bool(name != "level" or QUESTION_TYPES["level"][1](table.schema.field("level").type))


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
