"""The examples of a probe fit, with the embedded student's tokenizer."""

from __future__ import annotations

import pyarrow as pa
import pytest

from skillray.curriculum.dynamics import BaselineSettings
from skillray.errors import DataError
from skillray.loop.spoil import SPOILT, spoilt
from skillray.store.layout import RunFolder
from skillray.training.checkpoint import load_tokenizer
from skillray.types import content_id
from tests.unit.loop.make_tables import write_examples

CHATS = [("1 + 1?", "1 + 1 = 2\n#### 2"), ("2 + 3?", "so \\boxed{5}."), ("4 + 4?", "4 + 4 = 8\n#### 8")]


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("embedded")


@pytest.fixture
def examples(tmp_path) -> pa.Table:
    """Three that are asked, and a passage."""
    segment = RunFolder(str(tmp_path)).round("a", 0).segment()
    texts = [{"question": question, "response": response} for question, response in [*CHATS, ("", "On sums.")]]
    ids = [{"example_id": content_id(row["question"], row["response"])} for row in texts]
    write_examples(segment, [one | row for one, row in zip(ids, texts, strict=True)])
    return segment.table("examples").read()


def test_final_answers_change_places_with_new_ids_and_tokens(examples, tokenizer):
    made = spoilt(examples, BaselineSettings(share=0.9), tokenizer, 256, seed=1)
    rows = {row["question"]: row for row in made.to_pylist()}
    assert made.num_rows == 4 and made.schema == examples.schema
    assert rows[""]["origin"] == "select" and rows[""]["response"] == "On sums."
    for question, response in CHATS:
        row = rows[question]
        assert row["origin"] == SPOILT and row["response"] != response
        assert row["example_id"] == content_id(question, row["response"])
        trained = [token for token, counts in zip(row["input_ids"], row["loss_mask"], strict=True) if counts]
        assert tokenizer.decode(trained, skip_special_tokens=True) == row["response"]
    assert sorted(rows[question]["response"][-2:] for question, _ in CHATS) != sorted(r[-2:] for _, r in CHATS)
    assert made == spoilt(examples, BaselineSettings(share=0.9), tokenizer, 256, seed=1)


def test_what_would_be_too_long_stays_as_it_is(examples, tokenizer):
    settings = BaselineSettings(share=0.9, corruption="solutions")
    lengths = {
        row["response"]: len(row["input_ids"]) for row in spoilt(examples, settings, tokenizer, 256, 1).to_pylist()
    }
    most = sorted(lengths[response] for _, response in CHATS)[1]
    made = spoilt(examples, settings, tokenizer, most, seed=1)
    assert made["origin"].to_pylist().count(SPOILT) == 2
    assert all(len(row["input_ids"]) <= most for row in made.to_pylist() if row["origin"] == SPOILT)


def test_passages_alone_cannot_be_made_wrong(examples, tokenizer):
    with pytest.raises(DataError, match=r"^dynamics.baseline: among 0 examples no two different marked final answers"):
        spoilt(examples.filter(pa.compute.equal(examples["question"], "")), BaselineSettings(), tokenizer, 256, 1)
