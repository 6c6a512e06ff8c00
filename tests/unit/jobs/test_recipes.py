"""Every recipe loads, and those with the paper's settings can be planned with small tables in place of MATH."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillray.cli.main import main
from skillray.config import load_config
from tests.unit.bad_input.kinds import POOL, PROBE, write_rows

RECIPES = sorted((Path(__file__).parents[3] / "jobs" / "recipes").glob("*.yaml"))
PAPERS = [path for path in RECIPES if path.stem.startswith("stat_math_")]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_loads(path: Path) -> None:
    assert load_config(str(path)).name.startswith(path.stem[:4])


def test_there_is_one_for_each_of_the_papers_students() -> None:
    models = {student.model for path in PAPERS for student in load_config(str(path)).students}
    assert models == {"meta-llama/Llama-3.2-3B-Instruct", "meta-llama/Llama-3.2-1B-Instruct", "Qwen/Qwen2.5-3B"}


def test_one_has_dsas_additive_ablation_and_its_controls() -> None:
    config = load_config(str(next(path for path in RECIPES if path.stem == "dsa_arithmetic")))
    arms = {student.name: student.stages for student in config.students}
    assert list(arms)[:4] == ["textbooks", "order", "exercises", "dynamics"]
    assert arms["exercises"][0] == arms["dynamics"][0] == arms["order"][0]
    assert arms["exercises"][1] == arms["dynamics"][1].model_copy(update={"dynamics": None}) == arms["no-textbooks"][0]


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_it_can_be_planned(path: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "pool.jsonl", [row | {"level": 5} for row in POOL])
    write_rows(tmp_path / "probe.jsonl", PROBE)
    tables = {"pool": "pool.jsonl", "probe": "probe.jsonl"}
    sets = [word for name, file in tables.items() for word in ("--set", f"data.{name}={{path: {file}}}")]
    sets += ["--set", "data.profile=20"]
    with pytest.raises(SystemExit) as stopped:
        main(["plan", str(path), *sets, "--tokens-per-second", "train=1000"])
    out, err = capsys.readouterr()
    assert (stopped.value.code, err) == (0, "")
    assert "3 epochs, QLoRA, ZeRO 1, bf16, 1 worker(s)" in out
    assert "8B-PRM-Mistral-Data: weights 14.9 GiB in bf16" in out  # 8e9 * 2 bytes
    assert "teacher: 1 engine(s) x 4 x (1 CPU, 1 GPU)" in out
    # 40 questions, 64 samples, 2,048 tokens
    assert "amc23: 2560 answers to 40 questions" in out and f"{40 * 64 * 2048:,}" in out
    # (7,500 + 6 * 9,500) examples * 3 epochs * 2,048 tokens at 1,000 a second
    assert "train: at most 396,288,000 tokens; at 1000 tokens/s at most 110.08 hours" in out
