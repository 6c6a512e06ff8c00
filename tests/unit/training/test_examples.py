from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skillray.errors import ConfigError
from skillray.store.fence import UNFENCED
from skillray.store.schemas import EXAMPLES
from skillray.store.tables import Table
from skillray.training.checkpoint import load_tokenizer
from skillray.training.examples import as_schedule, encode_chats, token_columns
from skillray.training.settings import TrainingSettings
from skillray.types import content_id
from tests.tiny import encode_chat, tiny_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


def test_the_response_and_its_end_of_turn_are_trained_on(tokenizer: Any) -> None:
    ids, mask = encode_chat(tokenizer, "1+1?", "2")
    assert tokenizer.decode(ids) == "<|user|>1+1?<|assistant|>2<|end|>"
    assert [tokenizer.decode([token]) for token, on in zip(ids, mask, strict=True) if on] == ["2", "<|end|>"]


def test_what_follows_the_end_of_turn_is_left_out(tokenizer: Any) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("<|end|>", "<|end|>\n")
    ids, mask = encode_chat(tokenizer, "1+1?", "2")
    assert tokenizer.decode(ids).endswith("2<|end|>")
    assert sum(mask) == 2


def test_an_answer_may_have_lines_and_letters_beyond_ascii(tokenizer: Any) -> None:
    ids, mask = encode_chat(tokenizer, "q", "a\n#### é")
    assert tokenizer.decode([token for token, on in zip(ids, mask, strict=True) if on]) == "a\n#### é<|end|>"


@pytest.mark.parametrize("model", ["tiny", "embedded"])
def test_many_chats_are_encoded_as_transformers_does_one(model: str) -> None:
    tokenizer = tiny_tokenizer() if model == "tiny" else load_tokenizer(model)
    tokenizer.backend_tokenizer.enable_truncation(4)
    chats = [(f"{i}*7 = ?", f"{i}*7={i * 7}\n#### {i * 7}") for i in range(1500)]  # two batches
    encoded = encode_chats(tokenizer, chats)
    assert len(encoded) == 1500
    for (question, response), (ids, start) in zip(chats[::250], encoded[::250], strict=True):
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": response}]
        assert list(ids) == tokenizer.apply_chat_template(turns, return_dict=False)
        prompt = tokenizer.apply_chat_template(turns[:1], return_dict=False, add_generation_prompt=True)
        assert list(ids[:start]) == prompt


def test_a_template_that_changes_questions_is_followed() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("m['content']", "m['content'] | trim")
    for (ids, start), question in zip(encode_chats(tokenizer, [("a", "2"), (" b ", "2")]), "ab", strict=True):
        assert tokenizer.decode(ids) == f"<|user|>{question}<|assistant|>2<|end|>"
        assert start == 3


def test_token_columns_are_one_flat_array_each() -> None:
    columns = token_columns([(np.array([5, 6, 7], np.int32), 1), (np.array([8, 9], np.int32), 1)])
    assert columns["input_ids"].to_pylist() == [[5, 6, 7], [8, 9]]
    assert columns["loss_mask"].to_pylist() == [[False, True, True], [False, True]]
    assert columns["num_loss_tokens"].to_pylist() == [2, 1]
    assert [len(column) for column in token_columns([]).values()] == [0, 0, 0]


def test_a_model_without_chat_template_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    tokenizer.name_or_path = "some/base-model"
    with pytest.raises(ConfigError, match="some/base-model has no chat template"):
        encode_chat(tokenizer, "q", "a")


def test_a_template_that_does_not_continue_its_prompt_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = tokenizer.chat_template.replace("%}<|assistant|>", "%}<|user|>")
    with pytest.raises(ConfigError, match="does not continue its generation prompt"):
        encode_chat(tokenizer, "q", "a")


def test_a_table_of_examples_becomes_a_schedule(tmp_path: Path, tokenizer: Any) -> None:
    row = dict.fromkeys(("question", "response", "origin"), "") | {"skills": [], "parents": [], "weight": 1.0}
    rows = []
    for i, answer in enumerate(["1", "22"]):
        ids, mask = encode_chat(tokenizer, "q", answer)
        tokens = {"input_ids": ids, "loss_mask": mask, "num_loss_tokens": sum(mask), "multiplicity": i + 1, "unit": 0}
        rows.append(row | tokens | {"example_id": content_id(i), "question_id": content_id(i)})
    examples = Table(str(tmp_path / "examples"))
    examples.write(pa.Table.from_pylist(rows, schema=EXAMPLES), fence=UNFENCED)
    schedule = as_schedule(examples, TrainingSettings(epochs=1), seed=0)
    cut = Table(str(tmp_path / "cut" / "examples"))
    cut.write_all([examples.read().slice(1), examples.read().slice(0, 1)], fence=UNFENCED)
    assert as_schedule(cut, TrainingSettings(epochs=1), seed=0).equals(schedule)
    # user, "q", assistant; then the answer's bytes and the end of turn
    assert sorted(schedule["num_tokens"].to_pylist()) == [3 + 2, 3 + 3, 3 + 3]
    assert sorted(schedule["num_loss_tokens"].to_pylist()) == [2, 3, 3]
