"""The evidence job on an imitation of its run folders; what it measures is worked out by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import evidence
from jobs.evidence_table import number
from skillray.config import load_config
from skillray.errors import StageError
from skillray.store.layout import RunFolder
from skillray.types import content_id
from tests.unit.loop.make_tables import graded_row, write_graded

QUESTIONS = 10
HARD = 4
"""The last ones: wrong before training."""
RIGHT = {"uniform": {*range(6), 6}, "stat-sel": {*range(1, 6), 6, 7}, "stat-syn": {*range(6), 6, 7, 8}}
"""Question numbers that an arm answers right; seed 2 adds the last question to stat-syn."""


def row(seed: int, n: int, right: bool) -> dict[str, Any]:
    return graded_row(
        n, question_id=content_id(seed, n), correct=right, step_scores=[1.0, float(right)], difficult=not right
    )


def imitate(folder: str, overrides: Sequence[str]) -> None:
    """As much of a finished run as is read, for any number of calls."""
    config, run = load_config(evidence.RECIPE, overrides), RunFolder(folder)
    if os.path.exists(folder):
        return
    for student in config.students:
        before = [row(config.seed, n, n < QUESTIONS - HARD) for n in range(QUESTIONS)]
        right = RIGHT[student.name] | ({9} if (student.name, config.seed) == ("stat-syn", 2) else set())
        after = [row(config.seed, n, n in right) for n in range(QUESTIONS)]
        write_graded(run.base(student.name).table("scores"), before)
        write_graded(run.round(student.name, 0).table("graded"), before[5:])
        write_graded(run.round(student.name, 0).table("scores"), after)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run folders, as often as they were run."""
    folders: list[str] = []

    def run(folder: str, overrides: Sequence[str]) -> None:
        folders.append(folder)
        imitate(folder, overrides)

    monkeypatch.setattr(evidence, "run", run)
    return folders


def test_two_seeds_by_hand(started: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path)
    evidence.work(out, (1, 2), ())
    assert started == [f"{out}/seed-1", f"{out}/seed-2"]
    found = json.loads((tmp_path / "evidence.json").read_text())
    uniform, sel, syn = found["arms"]
    assert [line["arm"] for line in found["arms"]] == ["uniform", "stat-sel", "stat-syn"]
    assert uniform["all"]["base"]["mean"] == 0.6 and uniform["difficult"]["base"]["mean"] == 0.0
    # stat-sel: 7 right as uniform has, but 7 for 0; on the difficult 6..9 it has 2 and uniform 1.
    assert sel["all"]["difference"]["by_seed"] == [0.0, 0.0] and sel["difficult"]["difference"]["by_seed"] == [
        0.25,
        0.25,
    ]
    assert (sel["all"]["paired"][0]["wins"], sel["all"]["paired"][0]["losses"]) == (1, 1)
    # stat-syn: 9 then 10 of 10 against 7.
    assert syn["all"]["difference"]["by_seed"] == pytest.approx([0.2, 0.3])
    assert syn["all"]["gain"]["mean"] == pytest.approx(0.35) and syn["difficult"]["accuracy"]["by_seed"] == [0.75, 1.0]
    assert found["ablations"] == found["filters"] == []
    text = (tmp_path / "evidence.md").read_text()
    assert "Over all held-out questions (10, 10)" in text and "(4, 4)" in text
    assert "| before training | .600 |  |  |  |  |" in text
    assert "| `stat-syn` | .950 | +.350 [-.285, .985] | +.250 [-.385, .885] | +.200 | +.300 |" in text
    assert text in capsys.readouterr().out


def test_again_asks_every_run_again_and_gives_the_same(started: list[str], tmp_path: Path) -> None:
    evidence.work(str(tmp_path), (3,), ())
    once = (tmp_path / "evidence.json").read_bytes()
    evidence.work(str(tmp_path), (3,), ())
    assert started == [f"{tmp_path}/seed-3"] * 2 and (tmp_path / "evidence.json").read_bytes() == once
    assert "| `stat-sel` | .700 | +.100 | +.000 | +.000 |" in (tmp_path / "evidence.md").read_text()


def test_ablations_are_paired_with_the_main_control(started: list[str], tmp_path: Path) -> None:
    evidence.work(str(tmp_path), (1, 2, 3), evidence.ABLATIONS)
    assert len(started) == 3 + 2 * len(evidence.ABLATIONS)
    assert f"{tmp_path}/difficult-5/seed-2" in started and f"{tmp_path}/difficult-5/seed-3" not in started
    found = json.loads((tmp_path / "evidence.json").read_text())
    assert len(found["ablations"]) == 2 + sum(len(ablation.arms) for ablation in evidence.ABLATIONS)
    assert all(len(line["all"]["paired"]) == 2 for line in found["ablations"])
    text = (tmp_path / "evidence.md").read_text()
    assert "| 5 difficult questions | `stat-syn` | +.200 [" in text
    # Scores are 1 or 0: whatever lies between says the same, and at 1 everything is difficult.
    assert "| stat | 0.85 | 0.7 | 4, 4, 4 | 4, 4, 4 |" in text and "| stat | 0 | 0 | 4, 4, 4 | 4, 4, 4 |" in text
    assert "| stat | 1 | 0.7 | 5, 5, 5 | 10, 10, 10 |" in text


def test_every_run_is_the_recipe_with_one_setting_changed() -> None:
    recipe = load_config(evidence.RECIPE)
    for folder, overrides in evidence.planned("out", (1, 2), evidence.ABLATIONS):
        config = load_config(evidence.RECIPE, overrides)
        assert folder.endswith(f"seed-{config.seed}")
        same = {student.name: student for student in recipe.students}
        changed = sum(student != same[student.name] for student in config.students)
        changed += config.diagnosis != recipe.diagnosis
        changed += config.grading != recipe.grading
        assert changed == folder.count("/") - 1 + ("labels-no-filter" in folder)
        rest = {"seed": recipe.seed, "students": recipe.students, "diagnosis": recipe.diagnosis}
        assert config.model_copy(update=rest | {"grading": recipe.grading}) == recipe


@pytest.mark.parametrize("seeds", [["7"], ["1", "1"], ["1", "7"]])
def test_the_tuning_seed_is_refused(seeds: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        evidence.main(["--out", str(tmp_path), "--seeds", *seeds])
    told = capsys.readouterr().err
    assert stop.value.code == 2 and told.count("\n") == 1 and "--seeds must differ, and not be 7" in told


def test_a_run_that_ends_badly_ends_the_job(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=f"{tmp_path}/seed-1 ended with exit code 2; the same command goes on"):
        evidence.run(f"{tmp_path}/seed-1", ["seed=-1"])


def test_numbers_are_short() -> None:
    shown = [number(0.9123), number(-0.0194), number(1.0), number(0.0213, "+"), number(-0.0012, "+"), number(0.0, "+")]
    assert shown == [".912", "-.019", "1.000", "+.021", "-.001", "+.000"]
