"""MATH as its authors publish it (arXiv 2103.03874), in our columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skillray.grading.answers import extract_answer

Row = dict[str, Any]

NAMES = {"problem": "question", "type": "subject"}
"""Their column -> ours."""


def our_columns(row: Mapping[str, Any]) -> Row:
    r"""`row` with MATH's names and values where it has them: `Level 5` is 5, the answer is the solution's `\boxed`.

    A row with the column `question` is ours already.
    """
    if "question" in row or "problem" not in row:
        return dict(row)
    renamed = {NAMES.get(name, name): value for name, value in row.items()}
    answer = renamed.get("answer") or extract_answer(str(renamed.get("solution") or ""))
    return renamed | {"answer": answer, "level": _level(renamed.get("level"))}


def _level(value: Any) -> int | None:
    """The number of `Level 3`; None for `Level ?`, which a few rows have."""
    number = str(value).removeprefix("Level ").strip()
    return int(number) if number.isdigit() else None
