"""The words around a question: the same ones whenever a student answers, and whenever it is trained to answer."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from skillray.types import Message, Value

DATE = "2024-07-26"
"""The day that Llama 3.1's and 3.2's own templates fall back on when nobody tells them the time."""


def _a_day(text: str) -> str:
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d")
    except ValueError:
        raise ValueError(f"prompt.date must be a day as YYYY-MM-DD; got {text!r}") from None


class FewShot(Value):
    """An example that is shown before the question: a user turn and an assistant turn."""

    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)


class StudentPrompt(Value):
    """Everything that a student reads besides the question. The default is the question alone."""

    system: str | None = None
    """The system turn. Without it a template may still write one of its own (Qwen2.5's does)."""
    suffix: str = ""
    """Text behind every question, those of `examples` too; a line break or a space at its beginning is its own."""
    examples: tuple[FewShot, ...] = ()
    """Turns before the question, in this order."""
    template: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Arguments of the chat template, such as enable_thinking: false for Qwen3."""
    date: Annotated[str, AfterValidator(_a_day)] = DATE
    """YYYY-MM-DD: the day that a template writes which asks for today's, so that no prompt changes over night."""


BARE = StudentPrompt()
"""The question alone."""


def messages(prompt: StudentPrompt, question: str) -> tuple[Message, ...]:
    """The turns of a chat up to and including the question."""
    system = () if prompt.system is None else (Message(role="system", content=prompt.system),)
    shown = tuple(
        message
        for example in prompt.examples
        for message in (
            Message(role="user", content=f"{example.question}{prompt.suffix}"),
            Message(role="assistant", content=example.answer),
        )
    )
    return (*system, *shown, Message(role="user", content=f"{question}{prompt.suffix}"))
