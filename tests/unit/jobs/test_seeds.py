"""Any recipe over seeds, on an imitation of its run folders; what it measures is worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs import seeds
from skillray.config import load_config
from skillray.store.layout import RunFolder
from skillray.types import content_id
from tests.unit.loop.make_tables import graded_row, write_graded

CONFIG = """
name: two-arms
students:
  - {name: uniform, curriculum: {type: uniform}}
  - {name: stat-sel, curriculum: {type: stat-sel}}
"""
QUESTIONS, HARD = 10, 4


def imitate(folder: str, overrides: Sequence[str], recipe: str) -> None:
    """Wrong before training: the last four. Uniform learns one of them; stat-sel learns two, in seed 2 three, and
    forgets the first question."""
    run, config = RunFolder(folder), load_config(recipe, overrides)
    right = {"uniform": {*range(7)}, "stat-sel": {*range(1, 6), 6, 7, *([8] if config.seed == 2 else [])}}
    for student in config.students:
        for made, known in ((run.base(student.name), {*range(6)}), (run.round(student.name, 0), right[student.name])):
            rows = [
                graded_row(n, question_id=content_id(config.seed, n), correct=n in known, difficult=n >= 6)
                for n in range(QUESTIONS)
            ]
            write_graded(made.table("scores"), rows)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(seeds, "run", imitate)
    (tmp_path / "c.yaml").write_text(CONFIG)
    return str(tmp_path / "c.yaml")


def run_seeds(recipe: str, *words: str) -> dict:
    out = str(Path(recipe).parent / "out")
    with pytest.raises(SystemExit) as ended:
        seeds.main([recipe, "--out", out, *words])
    assert ended.value.code == 0
    return json.loads(Path(out, "seeds.json").read_text())


def test_figures_by_hand(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_seeds(recipe, "--seeds", "1", "2")
    figures = {name: row["held_out"]["mean"] for name, row in found["figures"].items()}
    # stat-sel: 7 of 10 with seed 1, 8 of 10 with seed 2.
    assert figures == {"before training": 0.6, "uniform": 0.7, "stat-sel": pytest.approx(0.75)}
    [pair] = found["pairs"]
    assert (pair["arm"], pair["control"]) == ("stat-sel", "uniform")
    assert pair["by_column"]["held_out"]["by_seed"] == pytest.approx([0.0, 0.1])
    assert pair["by_column"]["difficult"]["by_seed"] == pytest.approx([0.25, 0.5])  # 2 or 3 of 4, against 1
    assert pair["by_column"]["rest"]["by_seed"] == pytest.approx([-1 / 6, -1 / 6])  # one of six is forgotten
    # t = .05 / (.0707 / sqrt 2) = 1 with 1 degree of freedom: p = .5
    assert pair["p_values"]["held_out"] == pytest.approx(0.5)
    assert "`stat-sel` minus `uniform`" in (out := capsys.readouterr().out) and seeds.ONE_SEED not in out


def test_one_seed_is_warned_of(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = run_seeds(recipe, "--seeds", "1")
    assert found["pairs"][0]["p_values"]["held_out"] is None
    assert found["pairs"][0]["by_column"]["held_out"]["low"] is None
    assert seeds.ONE_SEED in capsys.readouterr().out


def test_named_contrasts_are_the_pairs(recipe: str) -> None:
    named = "evaluation.contrasts=[{arm: uniform, control: stat-sel}]"
    found = run_seeds(recipe, "--seeds", "1", "2", "--set", named)
    assert [(pair["arm"], pair["control"]) for pair in found["pairs"]] == [("uniform", "stat-sel")]


@pytest.mark.parametrize("words", [["--seeds", "1", "1"], ["--seeds", "1", "--control", "nobody"]])
def test_wrong_words_are_one_line(recipe: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        seeds.main([recipe, *words])
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
