"""A look at a table of questions: what of it would be read, and what a run would refuse, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.loop.chat_rows import is_chat, unread
from skillray.loop.columns import QUESTION, check_present, check_types
from skillray.loop.published import is_published, our_columns
from skillray.loop.questions import as_question
from skillray.loop.rows import known_values
from skillray.loop.sources import paths_of
from skillray.loop.table_files import opened, read_rows, schema_of

Row = dict[str, Any]
SAMPLES = 3


@dataclass
class Look:
    """What was seen; counts are of rows."""

    files: int = 0
    rows: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    """Column, after those of others were renamed -> rows that have a value in it; also those that are not read."""
    answers: int = 0
    solutions: int = 0
    skills: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    """Why -> how many."""
    first: dict[str, str] = field(default_factory=dict)
    """Why -> where that is so first."""
    unread: Counter[str] = field(default_factory=Counter)
    """Parts of chats that are not read."""
    repeated: int = 0
    """Questions that stand in an earlier row too: they are read once."""
    samples: list[Row] = field(default_factory=list)

    @property
    def taken(self) -> list[str]:
        return [name for name in QUESTION if self.columns[name]]

    @property
    def left(self) -> list[str]:
        return [name for name in self.columns if name not in QUESTION]


def look_at(source: QuestionSource) -> Look:
    """Every row of `source` once, and none is kept but samples and what tells questions and ids apart.

    Raises:
        DataError: a file is not there or damaged, or no row has the column `question` or one that stands for it.
    """
    look, questions, ids = Look(), set[bytes](), dict[str, str]()
    for path in paths_of(source):
        look.files += 1
        if path.endswith(".parquet") and not is_published((schema := schema_of(path)).names):
            check_types(schema, path, ["question"], QUESTION)
        for where, row in _rows(path):
            look.rows += 1
            reason = _refusal(look, row, where, questions, ids)
            if reason is not None:
                look.refused[reason] += 1
                look.first.setdefault(reason, where)
    if look.columns:  # none where every row is a chat without a question
        check_present(list(look.columns), source.path, ["question"])
    return look


def _rows(path: str) -> Iterator[tuple[str, Row]]:
    rows = read_rows(path)
    while (item := opened(path, lambda: next(rows, None))) is not None:
        yield item


def _refusal(look: Look, row: Row, where: str, questions: set[bytes], ids: dict[str, str]) -> str | None:
    """Why a run would refuse this row; counts it where it would not."""
    try:
        if is_published(list(row)) and "problem" not in row and is_chat(list(row)):
            look.unread.update(unread(row))
        ours = our_columns(row)
        look.columns.update({name: int(value not in (None, "")) for name, value in ours.items()})
        values = known_values("", ours, QUESTION)
        if isinstance(ours.get("answer"), float):  # of Parquet: a run reads it as it is
            values["answer"] = ours["answer"]
        if values.get("question") is None:
            return "question is null; fill it or remove the row"
        made = as_question(values | {"_where": ""})
        if made["source_id"] is not None and (before := ids.setdefault(made["source_id"], where)) != where:
            return f"question_id stands in an earlier row too, as {made['source_id']!r} of {before}; remove one"
    except DataError as error:
        return str(error).removeprefix(": ")
    look.answers += bool(made["answer"])
    look.solutions += bool(made["solution"])
    look.skills.update(made["skills"])
    look.repeated += made["question_id"] in questions
    questions.add(made["question_id"])
    if len(look.samples) < SAMPLES:
        look.samples.append(made)
    return None
