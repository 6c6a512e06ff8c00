"""Mean losses against one text at a time, and the order that they give."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from skillray.loop import by_loss
from skillray.loop.by_loss import PassageLosses, mean_losses, units_by_loss, with_units
from skillray.store.fence import UNFENCED
from skillray.store.schemas import DRAFTS, EXAMPLES, LOSSES
from skillray.store.tables import Table
from skillray.types import content_id
from tests.tiny import save_tiny_student


def draft(n: int, skill: str = "sum", origin: str = "textbook", unit: int = 9, **more: object) -> dict:
    row = {"example_id": content_id(n), "question_id": content_id(n), "question": "", "response": "x", "parents": []}
    row |= {"skills": [skill], "origin": origin, "multiplicity": 1, "weight": 1.0, "unit": unit, "refused": None}
    return row | {"input_ids": [5, 6, 7], "loss_mask": [False, True, True], "num_loss_tokens": 2} | more


def test_means_are_those_of_one_text_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from skillray.training.checkpoint import load_model

    model = load_model(save_tiny_student(tmp_path), "fp32").eval()
    texts = [[5, 6, 7, 8], [9, 10], list(range(5, 40)), [7, 7, 7]]
    with torch.inference_mode():
        alone = [model(input_ids=torch.tensor([t]), labels=torch.tensor([t])).loss.item() for t in texts]
    assert mean_losses(model, texts) == pytest.approx(alone, abs=1e-4)
    monkeypatch.setattr(by_loss, "BATCH_TOKENS", 8)
    assert mean_losses(model, texts) == pytest.approx(alone, abs=1e-4) and mean_losses(model, []) == []


def test_only_passages_that_may_be_examples_have_a_loss(tmp_path: Path) -> None:
    rows = [
        draft(0),
        draft(1, refused="too_long", input_ids=[]),
        draft(2, origin="keep"),
        draft(3, "power"),
        draft(4, input_ids=[5] * 9),
    ]
    stage = PassageLosses(save_tiny_student(tmp_path), threads=1, max_length=8)
    found = stage.open()(pa.Table.from_pylist(rows, schema=DRAFTS)).to_pylist()
    assert [(row["example_id"], row["skill"]) for row in found] == [(content_id(0), "sum"), (content_id(3), "power")]


def test_the_smallest_mean_comes_first_and_replay_stays_where_it_is(tmp_path: Path) -> None:
    table = Table(str(tmp_path / "losses"))
    pairs = [("sum", 3.0), ("sum", 1.0), ("power", 1.5), ("count", 2.5), ("area", 2.5)]
    rows = [{"example_id": content_id(n), "skill": skill, "loss": loss} for n, (skill, loss) in enumerate(pairs)]
    table.write(pa.Table.from_pylist(rows, schema=LOSSES), fence=UNFENCED)
    units = units_by_loss([table])
    assert units == {"power": 0, "sum": 1, "area": 2, "count": 3}  # 1.5, (3 + 1) / 2, 2.5 and 2.5
    examples = [draft(0, "count"), draft(1, "sum"), draft(2, "sum", "keep", unit=7)]
    made = with_units(pa.Table.from_pylist(examples, schema=DRAFTS).select(EXAMPLES.names), units)
    assert made["unit"].to_pylist() == [3, 1, 7] and made.schema == EXAMPLES
