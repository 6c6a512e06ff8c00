"""Text to tokens: the student's own chat template, and which tokens are trained on."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import ConfigError
from skillray.store.tables import Table
from skillray.training.schedule import make_schedule
from skillray.training.settings import TrainingSettings
from skillray.types import Message, as_chat, user_turn


def encode_chat(tokenizer: Any, question: str, response: str) -> tuple[list[int], list[bool]]:
    """(token ids, loss mask) of a user turn and an assistant turn in the tokenizer's chat template.

    The mask is True on the response and its end-of-turn token: on all that follows the generation prompt. What a
    template writes after the end of turn (a line break) is left out: a student never has to write it.

    Raises:
        ConfigError: no chat template, or one whose generation prompt is not how the whole chat begins.
    """
    model = tokenizer.name_or_path or "the tokenizer"
    if not tokenizer.chat_template:
        raise ConfigError(f"students.model: {model} has no chat template; use an instruction-tuned model")
    prompt = _ids(tokenizer, user_turn(question), add_generation_prompt=True)
    chat = _ids(tokenizer, (*user_turn(question), Message(role="assistant", content=response)))
    if chat[: len(prompt)] != prompt or len(chat) == len(prompt):
        raise ConfigError(
            f"students.model: the chat template of {model} does not continue its generation prompt with the answer, so "
            "the tokens to train on cannot be told; use a model whose template does"
        )
    end = _end_of_turn(chat, len(prompt), tokenizer.eos_token_id)
    return chat[:end], [place >= len(prompt) for place in range(end)]


def as_schedule(examples: Table, settings: TrainingSettings, seed: int) -> pa.Table:
    """SCHEDULE rows of an EXAMPLES table; see `schedule.make_schedule`."""
    columns = ["example_id", "num_loss_tokens", "multiplicity", "weight", "input_ids"]
    return make_schedule(_with_lengths(examples.read(columns)), settings, seed)


def _with_lengths(rows: pa.Table) -> pa.Table:
    return rows.drop(["input_ids"]).append_column("num_tokens", pc.list_value_length(rows["input_ids"]))


def _ids(tokenizer: Any, messages: tuple[Message, ...], add_generation_prompt: bool = False) -> list[int]:
    ids = tokenizer.apply_chat_template(
        as_chat(messages), tokenize=True, return_dict=False, add_generation_prompt=add_generation_prompt
    )
    return list(ids)


def _end_of_turn(ids: list[int], start: int, eos: int | None) -> int:
    """One past the last end-of-sequence token of the answer; all of it where a template ends turns otherwise."""
    places = [place for place in range(start, len(ids)) if ids[place] == eos]
    return places[-1] + 1 if places else len(ids)
