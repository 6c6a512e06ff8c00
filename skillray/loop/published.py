"""MATH as its authors publish it (arXiv 2103.03874), in our columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skillray.grading.answers import extract_answer

Row = dict[str, Any]

NAMES = {"problem": "question", "type": "subject"}
"""Their column -> ours."""


def is_published(names: Sequence[str]) -> bool:
    return "question" not in names and "problem" in names


def our_columns(row: Row) -> Row:
    r"""`row` with MATH's names and values where it has them: `Level 5` is 5, the answer is the solution's `\boxed`.

    A row with the column `question` is ours already.
    """
    if not is_published(list(row)):
        return row
    renamed = {NAMES.get(name, name): value for name, value in row.items()}
    answer = renamed.get("answer") or extract_answer(str(renamed.get("solution") or ""))
    return renamed | {"answer": answer, "level": _level(renamed.get("level"))}


def _level(value: Any) -> int | None:
    """The number of `Level 3`; None for `Level ?`, which a few rows have."""
    number = str(value).removeprefix("Level ").strip()
    return int(number) if number.isdigit() else None
