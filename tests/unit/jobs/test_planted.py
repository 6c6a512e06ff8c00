"""The planted job on an imitation of its run folders; precision, recall and accuracy are worked out by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from jobs import planted
from jobs.planted import Found, count
from skillray.config import load_config
from skillray.errors import ConfigError
from skillray.loop.questions import from_domain
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.schemas import CATEGORIES, EXAMPLES, LEARNING
from skillray.types import content_id
from tests.unit.loop.make_tables import graded_row, write_graded

RIGHT = {"static": 5, "dynamics": 6, "tuned": 4, "tuned-hard": 5, "tuned-drop": 7}
"""Of ten held-out questions after training; before it, four."""
BOUNDS = {"error_from_mean": 4.0, "error_up_to_std": 0.5, "hard_above_mean": 2.0, "easy_up_to_std": 0.5}


def imitate(folder: str, overrides: Sequence[str], recipe: str) -> None:
    """As much of a finished run as is read. The control's examples are the pool; its losses are 5 for the first half of
    the planted ones and 1 for all others. The updates of the others flag all planted and as many right ones.
    """
    config, run = load_config(recipe, overrides), RunFolder(folder)
    if os.path.exists(folder):
        return
    pool = from_domain(config.data, config.seed)[0]["pool"]
    clean = from_domain(config.data.model_copy(update={"wrong_answers": 0.0}), config.seed)[0]["pool"]
    ids = pool["question_id"].to_pylist()
    wrong = [i for i, a, b in zip(ids, pool["answer"].to_pylist(), clean["answer"].to_pylist(), strict=True) if a != b]
    right = [i for i in ids if i not in set(wrong)]
    counted = {"tokens": 90 + 20 * config.seed, "probe_tokens": 30}
    commit_json(run.summary, {"students": {student.name: {"rounds": [{}, counted]} for student in config.students}})
    for student in config.students:
        for place, known in ((run.base(student.name), 4), (run.round(student.name, 0), RIGHT[student.name])):
            write_graded(place.table("scores"), [graded_row(n, correct=n < known) for n in range(10)])
        folder_ = run.round(student.name, 0)
        write_examples(folder_.segment(), ids)
        if student.name == "static":
            write_learning(folder_.segment(), ids, set(wrong[: len(wrong) // 2]))
        else:
            for index in (1, 2):
                write_examples(folder_.segment(index), ids)
            update(folder_.segment(3), [*wrong, *right[: len(wrong)]])
            write_examples(folder_.segment(3), right)


def write_examples(segment: RoundFolder, ids: list[bytes]) -> None:
    row = {"question": "?", "response": "1", "skills": [], "origin": "select", "parents": [], "multiplicity": 1}
    row |= {"weight": 1.0, "unit": 0, "input_ids": [1], "loss_mask": [True], "num_loss_tokens": 1}
    rows = [row | {"question_id": one, "example_id": content_id("example", one)} for one in ids]
    segment.table("examples").write(pa.Table.from_pylist(rows, schema=EXAMPLES), fence=UNFENCED)


def write_learning(segment: RoundFolder, ids: list[bytes], lossy: set[bytes]) -> None:
    rows = [
        {"example_id": content_id("example", one), "epoch": epoch, "step": epoch, "slot": 0, "num_tokens": 1}
        | {"loss": 5.0 if one in lossy else 1.0}
        for epoch in range(4)
        for one in ids
    ]
    segment.table("learning").write(pa.Table.from_pylist(rows, schema=LEARNING), fence=UNFENCED)


def update(segment: RoundFolder, errors: list[bytes]) -> None:
    row = {"category": "error", "mean": 5.0, "std": 0.1, "observations": 3}
    rows = [row | {"example_id": content_id("example", one)} for one in errors]
    segment.table("categories").write(pa.Table.from_pylist(rows, schema=CATEGORIES), fence=UNFENCED)
    commit_json(segment.study, {"memory": {}, "notes": BOUNDS | {"carried": 1.0}})


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = Path(planted.RECIPE).read_text().replace("pool_per_skill: 30", "pool_per_skill: 5")
    (tmp_path / "planted.yaml").write_text(recipe)
    monkeypatch.setattr(planted, "RECIPE", str(tmp_path / "planted.yaml"))
    monkeypatch.setattr(planted, "run", imitate)


def test_precision_and_recall() -> None:
    ids = pa.array([content_id(n) for n in range(4)], pa.binary(16))
    found = count({content_id(0), content_id(1), content_id("other")}, ids)
    assert found == Found(flagged=3, planted=4, right=2)
    assert (found.precision, found.recall, found.f1) == (2 / 3, 0.5, 4 / 7)
    assert count(set(), ids).precision is None and count(set(), ids).f1 == 0.0


def test_two_seeds_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    planted.work(out, (1, 2))
    found = json.loads((tmp_path / "out" / "planted.json").read_text())
    arms = {arm["arm"]: arm for arm in found["arms"]}
    # 90 pool questions, nine of them planted: the control's losses show four, an update names nine and nine more.
    assert [arms["static"]["found"][0][name] for name in ("planted", "flagged", "right")] == [9, 4, 4]
    assert [arms["dynamics"]["found"][1][name] for name in ("planted", "flagged", "right")] == [9, 18, 9]
    assert arms["dynamics"]["found"][0]["precision"] == 0.5 and arms["dynamics"]["found"][0]["recall"] == 1.0
    assert arms["dynamics"]["accuracy"]["difference"]["by_seed"] == pytest.approx([0.1, 0.1])
    assert arms["tuned"]["accuracy"]["difference"]["mean"] == pytest.approx(-0.1)  # a loss is a loss
    text = capsys.readouterr().out
    assert "Errors found among 9, 9 planted" in text and "| `dynamics` | 18, 18 | .500 [.500, .500]" in text
    assert "| `tuned` | 120 | 30 | .400" in text  # 110 tokens and 130
    assert text.endswith((tmp_path / "out" / "planted.md").read_text() + "\n")


def test_thresholds_on_the_tuning_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted.tune(str(tmp_path / "out"))
    text = capsys.readouterr().out
    assert "Errors among 9 planted, seed 7" in text
    assert "| 1 | 1 | 4 | 1.000 | .444 | .615 |" in text  # 8 / 13
    assert "| 0.2 | 1 | 90 | .100 | 1.000 | .182 |" in text  # every loss is at least 1: 18 / 99


@pytest.mark.parametrize("seeds", [(1, 1), (1, 7)])
def test_seeds_are_others_than_the_tuning_seed(seeds: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--seeds must differ, and not be 7"):
        planted.work(str(tmp_path), seeds)
