"""A tokenizer's chat template, as it renders the chats of one prompt: with a fixed day, in texts or lists of parts."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from skillray.chat.prompt import DATE, StudentPrompt, messages
from skillray.chat.tokens import name_of
from skillray.errors import ConfigError
from skillray.types import Message

QUESTION = "What is 17 + 25?"
"""The probe."""


def fixed_day(date: str = DATE) -> dict[str, Any]:
    """Argument of a chat template that tells it this day for today's: Llama's, Granite's and others write the date."""
    return {"strftime_now": datetime.datetime.fromisoformat(date).strftime}


@dataclass(frozen=True)
class ChatTemplate:
    """A template, and the prompt whose words it is given."""

    tokenizer: Any
    prompt: StudentPrompt
    in_parts: bool = False
    """Whether it takes a content only as a list of parts, as the templates of models that see do."""

    def render(self, chats: Sequence[Sequence[Message]], add_generation_prompt: bool) -> list[str]:
        """The text of each chat; raises whatever the template's author, or Jinja, chose."""
        if not chats:
            return []
        turns = [[{"role": turn.role, "content": self._content(turn.content)} for turn in chat] for chat in chats]
        options = fixed_day(self.prompt.date) | self.prompt.template
        render = self.tokenizer.apply_chat_template
        return list(render(turns, tokenize=False, add_generation_prompt=add_generation_prompt, **options))

    def _content(self, text: str) -> Any:
        return [{"type": "text", "text": text}] if self.in_parts else text


def open_template(tokenizer: Any, prompt: StudentPrompt) -> ChatTemplate:
    """The template, of which a probe says that it writes all that `prompt` and a question say.

    Raises:
        ConfigError: there is none, or it does not; says why and what to do.
    """
    if not tokenizer.chat_template:
        raise ConfigError(f"students.model: {name_of(tokenizer)} has no chat template; use an instruction-tuned model")
    _check_arguments(tokenizer, prompt)
    turns, failure = messages(prompt, QUESTION), ""
    for in_parts in (False, True):
        template = ChatTemplate(tokenizer, prompt, in_parts)
        try:
            [text] = template.render([turns], True)
        except Exception as error:  # whatever the template's author, or Jinja, chose to raise
            failure = failure or f"fails ({first_line(error)}){_hint(template)}"
            continue
        lost = next((turn.role for turn in turns if turn.content.strip() not in text), None)
        if lost is None and "{'type':" not in text:  # else the list itself is written, as Python shows it
            return template
        failure = failure or f"does not write the {_NAMES[lost or 'user']} that it is given"
    raise unusable(tokenizer, failure)


_NAMES = {"system": "system turn", "user": "question", "assistant": "answers of the examples"}


def unusable(tokenizer: Any, why: str) -> ConfigError:
    name = name_of(tokenizer)
    return ConfigError(f"students.model: the chat template of {name} {why}; mend it, or use another model")


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _hint(template: ChatTemplate) -> str:
    """A way out where the template works with a system turn, or without the one that it was given."""
    question = Message(role="user", content=QUESTION)
    system = Message(role="system", content="You answer questions.")
    has_system = template.prompt.system is not None
    try:
        template.render([(question,) if has_system else (system, question)], True)
    except Exception:  # it fails either way, and the first failure is told
        return ""
    if has_system:
        return ": it takes no system turn, so leave out rollout.prompt.system and say it in rollout.prompt.suffix"
    return ": it wants a system turn, so set rollout.prompt.system"


def _check_arguments(tokenizer: Any, prompt: StudentPrompt) -> None:
    """A template says nothing of an argument that it does not read, such as one that is misspelt."""
    template = tokenizer.chat_template
    texts = list(template.values()) if isinstance(template, dict) else [template]
    for name in prompt.template:
        if not any(re.search(rf"\b{re.escape(name)}\b", text) for text in texts):
            raise ConfigError(
                f"rollout.prompt.template.{name}: the chat template of {name_of(tokenizer)} reads no such argument; "
                "leave it out"
            )
