from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skillray.errors import ConfigError
from skillray.store.fence import UNFENCED
from skillray.store.schemas import EXAMPLES
from skillray.store.tables import Table
from skillray.training.examples import as_schedule, encode_chat
from skillray.training.settings import TrainingSettings
from skillray.types import content_id
from tests.tiny import tiny_tokenizer


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
        tokens = {"input_ids": ids, "loss_mask": mask, "num_loss_tokens": sum(mask), "multiplicity": i + 1}
        rows.append(row | tokens | {"example_id": content_id(i), "question_id": content_id(i)})
    examples = Table(str(tmp_path / "examples"))
    examples.write(pa.Table.from_pylist(rows, schema=EXAMPLES), fence=UNFENCED)
    schedule = as_schedule(examples, TrainingSettings(epochs=1), seed=0)
    # user, "q", assistant; then the answer's bytes and the end of turn
    assert sorted(schedule["num_tokens"].to_pylist()) == [3 + 2, 3 + 3, 3 + 3]
    assert sorted(schedule["num_loss_tokens"].to_pylist()) == [2, 3, 3]
