"""The examples of a probe fit: some of them wrong, for DSA's error baseline (arXiv 2412.19361)."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.curriculum.dynamics import BaselineSettings
from skillray.diagnosis.corruption import corrupt
from skillray.training.examples import encode_chats, token_columns
from skillray.types import content_id

SPOILT = "spoilt"
"""Origin of an example that was made wrong."""


def spoilt(
    examples: pa.Table,
    settings: BaselineSettings,
    tokenizer: object,
    max_length: int,
    seed: int,
    prompt: StudentPrompt = BARE,
) -> pa.Table:
    """`examples` with some responses exchanged for wrong ones: new ids, new tokens, origin SPOILT. Passages, which
    answer nothing, stay as they are, and so does what would have more than `max_length` tokens.
    """
    examples = examples.sort_by("example_id")
    asked = [place for place, question in enumerate(examples["question"].to_pylist()) if question]
    given = examples.select(["question", "response"]).take(pa.array(asked, pa.int64()))
    changed = corrupt(given, settings.share, settings.corruption, random.Random(seed))
    places = [asked[place] for place, _ in changed]
    questions = examples["question"].take(pa.array(places, pa.int64())).to_pylist()
    chats = [(question, response) for question, (_, response) in zip(questions, changed, strict=True)]
    encoded = encode_chats(tokenizer, chats, prompt)
    fits = [n for n, (ids, _) in enumerate(encoded) if len(ids) <= max_length]
    columns = {
        "example_id": pa.array([content_id(*chats[n]) for n in fits], pa.binary(16)),
        "response": pa.array([chats[n][1] for n in fits], pa.string()),
        "origin": pa.array([SPOILT] * len(fits), pa.string()),
        **token_columns([encoded[n] for n in fits]),
    }
    spoilt_places = [places[n] for n in fits]
    rows = examples.take(pa.array(spoilt_places, pa.int64()))
    wrong = pa.table({name: columns.get(name, rows[name]) for name in rows.column_names}, schema=rows.schema)
    kept = ~np.isin(np.arange(examples.num_rows), spoilt_places)
    return pa.concat_tables([examples.filter(pa.array(kept)), wrong])
