"""Evaluation sets: what a config resolves to, and questions from files whose columns have other names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skillray.config import dump_config, parse
from skillray.config.evaluation import EvaluationSet
from skillray.errors import DataError
from skillray.evaluation.benchmarks import BENCHMARKS
from skillray.loop.evaluation_sets import read_set
from skillray.loop.roll_out import roll_out_of
from tests.unit.bad_input.kinds import write_rows


def config(*sets: dict[str, Any], **rollout: Any) -> Any:
    student = {"name": "a", "curriculum": {"type": "uniform"}}
    raw = {"name": "r", "students": [student], "rollout": rollout, "evaluation": {"sets": list(sets)}}
    return parse(raw, "c")


def the_set(path: Path, rows: list[dict[str, Any]], **fields: Any) -> EvaluationSet:
    write_rows(path / "x.jsonl", rows)
    return EvaluationSet(name="x", path=str(path / "x.jsonl"), **fields)


def test_a_benchmark_is_scored_as_stat_scores_it() -> None:
    amc, aime, gsm = config({"benchmark": "amc23"}, {"benchmark": "aime24"}, {"benchmark": "gsm8k"}).evaluation.sets
    assert [(one.name, one.samples, one.metric) for one in (amc, aime, gsm)] == [
        ("amc23", 64, "avg@64"),
        ("aime24", 64, "pass@64"),
        ("gsm8k", 1, "avg@1"),
    ]
    assert [one.sampling.temperature for one in (amc, aime, gsm)] == [1.0, 1.0, 0.1]
    assert (aime.path, aime.split, gsm.subset) == ("HuggingFaceH4/aime_2024", "train", "main")


def test_what_a_set_says_comes_before_the_benchmark_and_that_before_the_run() -> None:
    own = {"benchmark": "aime24", "samples": 8, "sampling": {"top_p": 0.9}, "path": "mine.jsonl"}
    [one] = config(own, temperature=0.3, max_new_tokens=77).evaluation.sets
    assert (one.samples, one.metric, one.path.endswith("mine.jsonl")) == (8, "avg@8", True)
    assert (one.sampling.top_p, one.sampling.temperature, one.sampling.max_new_tokens) == (0.9, 1.0, 77)
    [plain] = config({"name": "x", "path": "x.jsonl"}, temperature=0.3).evaluation.sets
    assert (plain.sampling.temperature, plain.metric, plain.samples) == (0.3, "avg@1", 1)


def test_config_yaml_says_all_of_it_and_reads_back_the_same() -> None:
    import yaml

    made = config({"benchmark": "amc23"}, {"name": "x", "path": "/x.jsonl"}, temperature=0.2, max_new_tokens=9)
    assert parse(yaml.safe_load(dump_config(made)), "again") == made


def test_a_set_is_answered_as_it_says_with_seeds_of_the_run() -> None:
    made = config({"benchmark": "aime24"}, max_new_tokens=99)
    stage = roll_out_of(made, made.evaluation.sets[0], "m", made.rollout.prompt)
    assert (stage.samples, stage.model) == (64, "m")
    assert stage.seed == roll_out_of(made, made.evaluation.sets[0], "other", stage.prompt).seed  # common random numbers


def test_every_benchmark_with_a_data_set_is_a_set() -> None:
    for name, benchmark in BENCHMARKS.items():
        if benchmark.hub is not None and benchmark.question is not None:
            assert config({"benchmark": name}).evaluation.sets[0].path == benchmark.hub
        assert benchmark.samples == int(benchmark.metric.partition("@")[2])


def test_columns_by_their_names_and_answers_by_their_mark(tmp_path: Path) -> None:
    rows = [
        {"problem": "1+1?", "final": 2, "level": "Level 3", "id": 4},
        {"problem": " 2+2? ", "final": "so \\boxed{4}", "level": "x", "id": 5},
    ]
    rows[0]["final"] = "2"
    table = read_set(the_set(tmp_path, rows, question_column="problem", reference_column="final"))
    assert table.select(["question", "answer", "solution", "skills", "subject", "split"]).to_pylist() == [
        {"question": "1+1?", "answer": "2", "solution": "", "skills": [], "subject": None, "split": "x"},
        {"question": "2+2?", "answer": "4", "solution": "so \\boxed{4}", "skills": [], "subject": None, "split": "x"},
    ]


def test_our_own_columns_do_for_a_benchmark_and_gsm8k_as_published_does(tmp_path: Path) -> None:
    write_rows(tmp_path / "x.jsonl", [{"question": "q", "answer": "7"}])
    assert read_set(EvaluationSet(benchmark="aime24", path=str(tmp_path / "x.jsonl")))["answer"].to_pylist() == ["7"]
    write_rows(tmp_path / "y.jsonl", [{"question": "q", "answer": "1+1=2\n#### 2"}, {"question": "q", "answer": "9"}])
    table = read_set(EvaluationSet(benchmark="gsm8k", path=str(tmp_path / "y.jsonl")))
    assert table.select(["answer", "solution"]).to_pylist() == [{"answer": "2", "solution": "1+1=2"}]


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'problem' is missing; set question_column of"):
        read_set(the_set(tmp_path, [{"q": "1", "answer": "2"}], question_column="problem"))
    with pytest.raises(DataError, match="row 1: answer is empty"):
        read_set(the_set(tmp_path, [{"question": "1", "answer": "2"}, {"question": "3", "answer": ""}]))


@pytest.mark.parametrize("name", ["amc23", "aime24", "svamp", "math_perturb_simple", "math_perturb_hard"])
def test_real_sets_are_read_whole(name: str, shared_data: Path) -> None:
    path = shared_data / "eval" / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    table = read_set(EvaluationSet(benchmark=name, path=str(path)))
    assert table.num_rows >= {"svamp": 990}.get(name, BENCHMARKS[name].rows - 1)
