"""Questions as fine-tuning sets hold them: chats (`messages`, ShareGPT's `conversations`) and Alpaca's instructions.

One row is one question: the first turn of a user and the answer to it. A system prompt is not read, for how a student
is asked is a setting of the run; nor are later turns, which are questions about what was said before.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile, takewhile
from typing import Any

from skillray.errors import DataError
from skillray.loop.columns import Number

Row = dict[str, Any]
Turn = tuple[str, str]
"""(role, text)."""
CHATS = ("messages", "conversations")
"""Columns that hold turns: OpenAI's {role, content} or ShareGPT's {from, value}."""
USER, ASSISTANT, SYSTEM = "user", "assistant", "system"
_ROLES = {"human": USER, "prompter": USER, "gpt": ASSISTANT, "chatgpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT}
"""Other words for a role."""


def is_chat(names: Sequence[str]) -> bool:
    return any(name in names for name in CHATS)


def is_instruction(names: Sequence[str]) -> bool:
    return "instruction" in names


def from_chat(row: Row) -> Row:
    """The row with `question` and, where somebody answered, `solution`.

    Raises:
        DataError: there is no turn of a user, or a turn that holds no text; names no line.
    """
    asked, rest = _first_question(turns_of(row))
    if not asked:
        raise DataError("no turn of the chat is a user's; add one or remove the row")
    question = "\n\n".join(text for _, text in asked)
    solution = rest[0][1] if rest and rest[0][0] == ASSISTANT else None
    others = {name: value for name, value in row.items() if name not in CHATS}
    return others | {"question": question, "solution": others.get("solution") or solution}


def from_instruction(row: Row) -> Row:
    """Alpaca's instruction, with the input that it is about below it, and the output as solution."""
    parts = [part for part in (row.get("instruction"), row.get("input")) if part]
    if not all(map(_is_text, parts)):
        raise DataError("instruction and input must hold text; convert them")
    others = {name: value for name, value in row.items() if name not in ("instruction", "input", "output")}
    question = "\n\n".join(parts) or None
    return others | {"question": question, "solution": others.get("solution") or row.get("output")}


def unread(row: Row) -> list[str]:
    """What a chat holds that is no part of its question and answer, in words."""
    turns = turns_of(row)
    told = ["system prompts"] if any(role == SYSTEM for role, _ in turns) else []
    _, rest = _first_question(turns)
    return told + (["later turns"] if any(role == USER for role, _ in rest) else [])


def _first_question(turns: Sequence[Turn]) -> tuple[list[Turn], list[Turn]]:
    """The first turns of a user that follow each other, and all that comes after them; system turns are in neither."""
    spoken = list(dropwhile(lambda turn: turn[0] != USER, (turn for turn in turns if turn[0] != SYSTEM)))
    asked = list(takewhile(lambda turn: turn[0] == USER, spoken))
    return asked, spoken[len(asked) :]


def turns_of(row: Row) -> list[Turn]:
    name = next(name for name in CHATS if name in row)
    if not isinstance(row[name], list):
        raise DataError(f"{name} must hold a list of turns; convert it")
    return [_turn(turn, name) for turn in row[name]]


def _turn(turn: Any, name: str) -> Turn:
    role, content = (_first(turn, keys) for keys in (("role", "from"), ("content", "value")))
    if not isinstance(role, str):
        raise DataError(f"{name} must hold turns with role and content, or from and value; convert them")
    if isinstance(content, list):  # the parts of a turn
        content = "\n".join(_part(part, name) for part in content)
    if content is not None and not _is_text(content):
        raise DataError(f"{name} holds a turn of {role} whose content is no text; convert it")
    return _ROLES.get(role.lower(), role.lower()), content or ""


def _first(turn: Any, keys: Sequence[str]) -> Any:
    return next((turn[key] for key in keys if turn.get(key) is not None), None) if isinstance(turn, dict) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _part(part: Any, name: str) -> str:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type", "something") if isinstance(part, dict) else "something"
    raise DataError(f"{name} holds a turn with {kind} in it, and only texts are read; remove the row")
