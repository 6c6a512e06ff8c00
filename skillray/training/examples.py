"""Text to tokens: the student's own chat template, and which tokens are trained on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import ConfigError
from skillray.store.tables import Table
from skillray.training.schedule import make_schedule, make_segment
from skillray.training.settings import TrainingSettings
from skillray.types import Message, as_chat, user_turn

Chat = tuple[str, str]
"""Question and response."""
Encoded = tuple[npt.NDArray[np.int32], int]
"""Token ids, and from which of them on they are trained on."""
NO_TOKENS: Encoded = (np.empty(0, np.int32), 0)
"""Of a draft that is no example."""
BATCH = 256
"""Chats that the tokenizer is given at once: its own records of them take kilobytes each."""
THREADS = 2


def encode_chats(tokenizer: Any, chats: Sequence[Chat]) -> list[Encoded]:
    """Tokens of a user turn and an assistant turn in the tokenizer's chat template.

    What is trained on is the response and its end-of-turn token: all that follows the generation prompt. What a
    template writes after the end of turn (a line break) is left out: a student never has to write it.

    Raises:
        ConfigError: no chat template, or one whose generation prompt is not how the whole chat begins.
    """
    if not tokenizer.chat_template:
        raise ConfigError(f"students.model: {_name(tokenizer)} has no chat template; use an instruction-tuned model")
    batches = [chats[start : start + BATCH] for start in range(0, len(chats), BATCH)]
    # A tokenizer in Rust lets go of the interpreter: while it works on one batch, another is rendered. That is faster
    # than its own threads, which are therefore off (27 against 44 us a chat of 49 tokens on two cores).
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with ThreadPoolExecutor(THREADS) as threads:
        encoded = threads.map(partial(_encode, _plain(tokenizer)), batches)
        return [chat for batch in encoded for chat in batch]


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[Encoded]:
    """Tokens of plain texts, for continual pre-training: every one is trained on but the first, which nothing precedes.

    Raises:
        ConfigError: a tokenizer without an end-of-sequence token, which ends a text.
    """
    if tokenizer.eos_token_id is None:
        raise ConfigError(f"students.model: {_name(tokenizer)} has no end-of-sequence token to end a text with")
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    ids = _tokens(_plain(tokenizer), list(texts))
    return [(np.array([*start, *text, tokenizer.eos_token_id], np.int32), 1) for text in ids]


def token_columns(encoded: Sequence[Encoded]) -> dict[str, pa.Array]:
    """The EXAMPLES columns that hold tokens: input_ids, loss_mask, num_loss_tokens."""
    lengths = np.array([len(ids) for ids, _ in encoded], np.int64)
    starts = np.array([start for _, start in encoded], np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.concatenate([np.empty(0, np.int32), *(ids for ids, _ in encoded)])
    trained = np.arange(offsets[-1]) >= np.repeat(offsets[:-1] + starts, lengths)
    return {
        "input_ids": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(ids)),
        "loss_mask": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(trained)),
        "num_loss_tokens": pa.array(lengths - starts, pa.int32()),
    }


def as_schedule(examples: Table, settings: TrainingSettings, seed: int) -> pa.Table:
    """SCHEDULE rows of an EXAMPLES table, however it is cut into parts; see `schedule.make_schedule`."""
    return make_schedule(_outline(examples), settings, seed)


def as_segment(examples: Table, settings: TrainingSettings, seed: int, index: int, first: pa.Table | None) -> pa.Table:
    """The same of one segment; see `schedule.make_segment`."""
    return make_segment(_outline(examples), settings, seed, index, first)


def _outline(examples: Table) -> pa.Table:
    columns = ["example_id", "num_loss_tokens", "multiplicity", "weight", "unit", "input_ids"]
    rows = pa.concat_tables([_with_lengths(part) for part in examples.iterate(columns)])
    return rows.sort_by("example_id")


def _with_lengths(rows: pa.Table) -> pa.Table:
    return rows.drop(["input_ids"]).append_column("num_tokens", pc.list_value_length(rows["input_ids"]))


def _plain(tokenizer: Any) -> Any:
    """Neither cuts nor pads, whatever its file says."""
    if (backend := getattr(tokenizer, "backend_tokenizer", None)) is not None:
        backend.no_truncation()
        backend.no_padding()
    return tokenizer


def _encode(tokenizer: Any, chats: Sequence[Chat]) -> list[Encoded]:
    turns = [(*user_turn(question), Message(role="assistant", content=response)) for question, response in chats]
    texts = _render(tokenizer, turns)
    ids = _tokens(tokenizer, [*_prompts(tokenizer, [question for question, _ in chats], texts), *texts])
    encoded = []
    for prompt, whole in zip(ids[: len(chats)], ids[len(chats) :], strict=True):
        if whole[: len(prompt)] != prompt or len(whole) == len(prompt):
            raise ConfigError(
                f"students.model: the chat template of {_name(tokenizer)} does not continue its generation prompt with "
                "the answer, so the tokens to train on cannot be told; use a model whose template does"
            )
        end = _end_of_turn(whole, len(prompt), tokenizer.eos_token_id)
        encoded.append((np.array(whole[:end], np.int32), len(prompt)))
    return encoded


def _prompts(tokenizer: Any, questions: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Each question with the generation prompt. What stands around one question stands around all; only where a chat
    in `texts` does not begin so does the template render every one.
    """
    before, _, after = _render(tokenizer, [user_turn("question")], True)[0].partition("question")
    prompts = [f"{before}{question}{after}" for question in questions]
    if all(map(str.startswith, texts, prompts)):
        return prompts
    return _render(tokenizer, [user_turn(question) for question in questions], True)


def _render(tokenizer: Any, chats: Sequence[Sequence[Message]], add_generation_prompt: bool = False) -> list[str]:
    turns = [as_chat(chat) for chat in chats]
    return list(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=add_generation_prompt))


def _tokens(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """As a call of the tokenizer without special tokens, at half its price: masks and offsets are not made."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:  # written in Python
        return list(tokenizer(texts, add_special_tokens=False)["input_ids"])
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


def _end_of_turn(ids: list[int], start: int, eos: int | None) -> int:
    """One past the last end-of-sequence token of the answer; all of it where a template ends turns otherwise."""
    places = [place for place in range(start, len(ids)) if ids[place] == eos]
    return places[-1] + 1 if places else len(ids)


def _name(tokenizer: Any) -> str:
    return str(tokenizer.name_or_path or "the tokenizer")
