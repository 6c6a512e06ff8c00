"""Text to tokens: the student's own chat template, and which tokens are trained on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.chat.render import Chat, open_format
from skillray.chat.tokens import name_of, token_ids
from skillray.errors import ConfigError
from skillray.store.tables import Table
from skillray.training.schedule import make_schedule, make_segment
from skillray.training.settings import TrainingSettings

Encoded = tuple[npt.NDArray[np.int32], int]
"""(token ids, index of the first one that is trained on)."""
NO_TOKENS: Encoded = (np.empty(0, np.int32), 0)
"""The tokens of a draft that is refused as an example."""
BATCH = 256
"""Chats that the tokenizer gets at once: its own records of them take kilobytes each."""
THREADS = 2


def encode_chats(tokenizer: Any, chats: Sequence[Chat], prompt: StudentPrompt = BARE) -> list[Encoded]:
    """Tokens of chats in the tokenizer's chat template, in the words of `prompt` (by default the question alone).

    What is trained on is the response and its end-of-turn token: all that follows the generation prompt. What a
    template writes after the end of turn (a line break) is left out: a student never has to write it.

    Raises:
        ConfigError: no chat template, or one that cannot be used; see `chat.render.open_format`.
    """
    form = open_format(tokenizer, prompt)
    batches = [chats[start : start + BATCH] for start in range(0, len(chats), BATCH)]
    # A tokenizer in Rust lets go of the interpreter: while it works on one batch, another is rendered. That is faster
    # than its own threads, which are therefore off (27 against 44 us a chat of 49 tokens on two cores).
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with ThreadPoolExecutor(THREADS) as threads:
        return [(np.array(ids, np.int32), start) for batch in threads.map(form.encode, batches) for ids, start in batch]


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> list[Encoded]:
    """Tokens of plain texts, for continual pre-training: every one is trained on but the first, which nothing precedes.

    Raises:
        ConfigError: a tokenizer without an end-of-sequence token, which ends a text.
    """
    if tokenizer.eos_token_id is None:
        raise ConfigError(f"students.model: {name_of(tokenizer)} has no end-of-sequence token to end a text with")
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    ids = token_ids(tokenizer, texts)
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
    """SCHEDULE rows of one segment of a round; see `schedule.make_segment`."""
    return make_segment(_outline(examples), settings, seed, index, first)


def _outline(examples: Table) -> pa.Table:
    columns = ["example_id", "num_loss_tokens", "multiplicity", "weight", "unit", "input_ids"]
    rows = pa.concat_tables([_with_lengths(part) for part in examples.iterate(columns)])
    return rows.sort_by("example_id")


def _with_lengths(rows: pa.Table) -> pa.Table:
    return rows.drop(["input_ids"]).append_column("num_tokens", pc.list_value_length(rows["input_ids"]))
