"""Training that is held to its start model: what it has learnt, and how far it has moved."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pytest

from skillray.store.tables import Table
from skillray.training.sft import train
from tests.unit.training.test_resume import Stopped, make, result, stop_after

LORA = {"rank": 4, "dropout": 0.0}


def last_loss(folder: Path, place: Path, **changes: object) -> float:
    """The mean loss of the last epoch, in nats a token, without the penalty."""
    job = make(folder, place, checkpoint_every_s=1e6, epochs=4, lora=LORA, **changes)
    train(job)
    rows = Table(job.learning).read(["epoch", "loss"])
    return pc.mean(rows.filter(pc.equal(rows["epoch"], 3))["loss"]).as_py()


def test_the_penalty_holds_the_student_to_its_start(folder: Path, tmp_path: Path) -> None:
    free, held = (last_loss(folder, tmp_path / f"{kl}", kl_to_start=kl) for kl in (0.0, 100.0))
    start = last_loss(folder, tmp_path / "start", learning_rate=1e-12)
    assert free < 0.9 * start
    assert start - held < 0.5 * (start - free)


def test_stopped_and_given_again_it_ends_with_the_same_bits(folder: Path, tmp_path: Path) -> None:
    """Recomputed logits and the adapter's switch leave no trace in any generator."""
    whole = make(folder, tmp_path / "whole", checkpoint_every_s=1e6, lora=LORA, kl_to_start=0.5)
    train(whole)
    job = make(folder, tmp_path / "pieces", lora=LORA, kl_to_start=0.5)
    with pytest.raises(Stopped):
        train(job, alive=stop_after(2))
    train(job)
    assert result(job) == result(whole)
