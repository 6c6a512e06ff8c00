"""Questions as their authors publish them, in our columns: MATH (arXiv 2103.03874), chats and instructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skillray.grading.extract import stated_answer
from skillray.loop.chat_rows import from_chat, from_instruction, is_chat, is_instruction

Row = dict[str, Any]

NAMES = {"problem": "question", "type": "subject"}
"""MATH's column -> ours."""


def is_published(names: Sequence[str]) -> bool:
    """Whether these columns are somebody else's; a row with the column `question` is ours already."""
    return "question" not in names and ("problem" in names or is_chat(names) or is_instruction(names))


def our_columns(row: Row) -> Row:
    r"""`row` with our names and values: `Level 5` is 5, the answer is the solution's `\boxed`.

    Raises:
        DataError: a chat that holds no question; names no line.
    """
    if not is_published(list(row)):
        return row
    renamed = _renamed(row)
    answer = renamed.get("answer") or stated_answer(str(renamed.get("solution") or ""))
    return renamed | {"answer": answer, "level": _level(renamed.get("level"))}


def _renamed(row: Row) -> Row:
    if "problem" in row:
        return {NAMES.get(name, name): value for name, value in row.items()}
    return from_chat(row) if is_chat(list(row)) else from_instruction(row)


def _level(value: Any) -> int | None:
    """The number of `Level 3`; None for `Level ?`, which a few rows have."""
    number = str(value).removeprefix("Level ").strip()
    return int(number) if number.isdigit() else None
