"""Neighbours of two questions in a plane, by hand; and vectors that are what the model's states say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skillray.config.model import EmbeddingSettings
from skillray.loop.embed import Embed, open_embedder
from skillray.loop.neighbours import Nearest, nearest_of
from skillray.store.fence import UNFENCED
from skillray.store.schemas import EMBEDDINGS
from skillray.store.tables import Table
from skillray.types import content_id
from tests.tiny import save_tiny_bert, save_tiny_student

ANGLES = {"a": 0, "b": 20, "c": 90, "d": 200, "e": 340}
"""Of the pool's vectors, in degrees."""
DIFFICULT = {"east": 5, "north": 80, "easy": 180}


def embeddings(angles: dict[str, int]) -> pa.Table:
    turns = np.radians(list(angles.values()))
    vectors = np.stack([np.cos(turns), np.sin(turns)], axis=1).tolist()
    return pa.table({"question_id": [content_id(name) for name in angles], "vector": vectors}, schema=EMBEDDINGS)


def neighbours(folder: Path, cut: int, count: int, *chosen: str) -> dict[bytes, list[tuple[bytes, float]]]:
    profile, candidates = Table(str(folder / "embeddings")), Table(str(folder / "candidates"))
    whole = embeddings(DIFFICULT)
    profile.write_all([whole.slice(0, 1), whole.slice(1)], fence=UNFENCED)
    stage = Nearest(profile.folder, frozenset(content_id(name) for name in chosen), count).open()
    pool = embeddings(ANGLES)
    parts = [stage(pool.slice(start, cut)) for start in range(0, pool.num_rows, cut)]
    candidates.write_all(parts, fence=UNFENCED)
    rows = nearest_of(candidates, count).to_pylist()
    return {row["question_id"]: list(zip(row["nearest"], row["similarity"], strict=True)) for row in rows}


@pytest.mark.parametrize("cut", [5, 2, 1])
def test_the_nearest_of_all_parts_whatever_the_cut(tmp_path, cut):
    found = neighbours(tmp_path, cut, 3, "east", "north")
    assert set(found) == {content_id("east"), content_id("north")}  # the easy question is nobody's business
    # from 5 degrees: a is 5 away, b 15, e 25; from 80: c 10, b 60, a 80
    for name, near in (("east", {"a": 5, "b": 15, "e": 25}), ("north", {"c": 10, "b": 60, "a": 80})):
        assert [one for one, _ in found[content_id(name)]] == [content_id(other) for other in near]
        assert [similarity for _, similarity in found[content_id(name)]] == pytest.approx(
            [np.cos(np.radians(angle)) for angle in near.values()], abs=1e-6
        )


def test_a_small_pool_has_fewer_and_no_difficult_question_has_none(tmp_path):
    assert len(neighbours(tmp_path / "few", 2, 9, "east")[content_id("east")]) == len(ANGLES)
    assert neighbours(tmp_path / "none", 2, 3) == {}


TEXTS = ["What is 1 + 1?", "A much longer question about apples: how many are there?", "x"]


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("save", [save_tiny_bert, save_tiny_student])
def test_a_vector_is_the_pooled_state_of_its_text_alone(tmp_path, save, pooling):
    """Padding and the others of a batch change nothing."""
    import torch

    settings = EmbeddingSettings(model=save(tmp_path), pooling=pooling)
    embedder = open_embedder(settings, "cpu")
    found = embedder.vectors(TEXTS)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0] * 3, abs=1e-5)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = embedder.tokenizer(text)["input_ids"]
        if pooling == "last" and ids[-1] != embedder.tokenizer.eos_token_id:
            ids = [*ids, embedder.tokenizer.eos_token_id]  # Bert has written it already
        with torch.inference_mode():
            state = embedder.body(input_ids=torch.tensor([ids])).last_hidden_state[0]
        pooled = state[-1] if pooling == "last" else state.mean(dim=0)
        assert vector == pytest.approx((pooled / pooled.norm()).numpy(), abs=1e-5)


def test_a_long_text_is_cut_and_still_ends(tmp_path):
    text, model = TEXTS[1], save_tiny_student(tmp_path)  # a byte is a token
    cut, whole = (EmbeddingSettings(model=model, pooling="last", max_length=most) for most in (16, 64))
    vectors = [open_embedder(s, "cpu").vectors([t])[0] for s, t in ((cut, text), (whole, text[:15]), (whole, text))]
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5) and vectors[0] != pytest.approx(vectors[2], abs=1e-2)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_decoder_looks_at_what_follows_when_it_is_told_to(tmp_path, bidirectional):
    import torch

    settings = EmbeddingSettings(model=save_tiny_student(tmp_path), bidirectional=bidirectional)
    body = open_embedder(settings, "cpu").body
    first = []
    for last in (8, 9):
        ids = torch.tensor([[5, 6, 7, last]])
        first.append(body(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0, 0])
    assert torch.equal(*first) is not bidirectional


def test_the_stage_keeps_the_order(tmp_path):
    settings = EmbeddingSettings(model=save_tiny_bert(tmp_path))
    rows = Embed(settings, "cpu").open()(pa.table({"question_id": [content_id(t) for t in TEXTS], "question": TEXTS}))
    assert rows.schema == EMBEDDINGS and rows["question_id"].to_pylist() == [content_id(text) for text in TEXTS]
    assert np.array(rows["vector"].to_pylist()) == pytest.approx(
        open_embedder(settings, "cpu").vectors(TEXTS), abs=1e-5
    )
