"""Loss histories by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow as pa
import pytest

from skillray.diagnosis import learning as module
from skillray.diagnosis.learning import losses_by_example
from skillray.store.fence import UNFENCED
from skillray.store.schemas import LEARNING
from skillray.store.tables import Table
from skillray.types import content_id

FALLING, FLAT, ONCE = sorted(content_id(name) for name in ("falling", "flat", "once"))
# (example, epoch, step, loss): FALLING has 4, 2 and 3; its mean is 3 and its variance (1 + 1 + 0) / 3.
ROWS = [
    (FALLING, 1, 5, 2.0),
    (FLAT, 0, 0, 0.5),
    (FALLING, 0, 1, 4.0),
    (ONCE, 1, 4, 0.0),
    (FLAT, 1, 3, 0.5),
    (FALLING, 2, 7, 3.0),
]


def table(path: Path, rows: list[tuple[bytes, int, int, float]], part: int = 2) -> Table:
    named = [
        {"example_id": example, "epoch": epoch, "step": step, "slot": 0, "loss": loss, "num_tokens": 3}
        for example, epoch, step, loss in rows
    ]
    learning = Table(str(path / "learning"))
    whole = pa.Table.from_pylist(named, schema=LEARNING)
    learning.write_all([whole.slice(start, part) for start in range(0, max(1, len(rows)), part)], fence=UNFENCED)
    return learning


@pytest.mark.parametrize("pending", [1, 3, 1 << 20])  # folded after every part, in between, and once
@pytest.mark.parametrize("rows", [ROWS, ROWS[::-1]])
def test_histories_do_not_depend_on_order_or_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list, pending: int
) -> None:
    monkeypatch.setattr(module, "PENDING_ROWS", pending)
    falling, flat, once = losses_by_example(table(tmp_path, rows)).to_pylist()
    assert falling == {
        "example_id": FALLING,
        "observations": 3,
        "mean": 3.0,
        "std": pytest.approx(math.sqrt(2 / 3)),
        "first": 4.0,
        "last": 3.0,
    }
    assert (flat["example_id"], flat["observations"], flat["mean"], flat["std"]) == (FLAT, 2, 0.5, 0.0)
    assert (once["observations"], once["std"], once["first"], once["last"]) == (1, 0.0, 0.0, 0.0)


def test_equal_losses_have_next_to_no_spread(tmp_path: Path) -> None:
    (row,) = losses_by_example(table(tmp_path, [(FLAT, e, e, 2.3) for e in range(9)])).to_pylist()
    assert row["std"] <= 2.3e-7


def test_no_rows_no_examples(tmp_path: Path) -> None:
    assert losses_by_example(table(tmp_path, [])).num_rows == 0


def test_a_history_may_stand_in_several_tables(tmp_path: Path) -> None:
    apart = [table(tmp_path / str(place), ROWS[place::2]) for place in (0, 1)]
    assert losses_by_example(*apart).equals(losses_by_example(table(tmp_path, ROWS)))


def test_a_history_may_end_before_an_epoch(tmp_path: Path) -> None:
    found = losses_by_example(table(tmp_path, ROWS), before=2).to_pylist()
    assert [(row["example_id"], row["observations"], row["mean"]) for row in found] == [
        (FALLING, 2, 3.0),
        (FLAT, 2, 0.5),
        (ONCE, 1, 0.0),
    ]
