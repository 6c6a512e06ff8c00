"""Evaluation sets in a run, and after it: one student that learns on a small scale, its table, and the gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skillray.cli.gate import gate
from skillray.config import dump_config, parse
from skillray.domains import DOMAINS
from skillray.loop.evaluation_report import evaluation_of
from skillray.loop.evaluation_request import EvaluationRequest, config_of, models_of
from skillray.report import tables
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
ROLLOUT = {"max_new_tokens": 64, "batch_size": 128}
SAMPLED = {"samples": 4, "metric": "maj@3", "sampling": {"temperature": 0.8}}


def write_set(path: Path, seed: int, per_skill: int) -> str:
    questions = DOMAINS["arithmetic"].questions("held_out", per_skill, seed)
    rows = [{"problem": one.question, "final": one.answer} for one in questions]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def run(local_ray, tmp_path_factory) -> RunFolder:
    from skillray.on_ray.launch import supervise

    inputs, folder = tmp_path_factory.mktemp("sets"), RunFolder(str(tmp_path_factory.mktemp("evaluated")))
    columns = {"question_column": "problem", "reference_column": "final"}
    own = {"name": "own", "path": write_set(inputs / "own.jsonl", 5, 2), **columns}
    sampled = {"name": "sampled", "path": write_set(inputs / "sampled.jsonl", 6, 1), **columns, **SAMPLED}
    raw = {
        "name": "evaluated",
        "data": {"type": "domain", "pool_per_skill": 20, "profile_per_skill": 1, "held_out_per_skill": 3},
        "students": [{"name": "arm", "curriculum": {"type": "uniform", "num_examples": 200}}],
        "rollout": ROLLOUT,
        "evaluation": {"sets": [own, sampled]},
        "training": {"max_tokens": 4000, "batch_size": 16, "micro_batch_size": 16, "learning_rate": 1e-4},
        "placement": {"rollout": {"max_workers": 1}, "grade": {"max_workers": 1, "num_cpus": 0.5}},
    }
    config = parse(raw, "test")
    with writing(folder.path) as fence:
        fence.commit(folder.config, dump_config(config).encode())
        assert supervise(config, fence, lambda running: None)
    return folder


def test_both_sets_are_answered_before_and_after(run):
    for folder in (run.base("arm"), run.round("arm", 0)):
        assert folder.answers("own").num_rows() == 36
        assert folder.answers("sampled").num_rows() == 18 * 4  # every sample is a row
    source = run.base("arm").answers("own").source().folder
    assert Path(source).is_relative_to(run.file("shared"))  # for every student that starts from the same model


def test_summary_and_terminal_have_the_table_and_its_mean(run):
    last = read_json(run.summary)["students"]["arm"]["rounds"][-1]
    columns = [last["accuracy"], last["on_difficult"], *last["sets"].values()]
    assert [one["metric"] for one in last["sets"].values()] == ["avg@1", "maj@3"]
    assert last["mean"] == pytest.approx(sum(one["mean"] for one in columns) / 4)
    text = tables(run)
    assert "sampled maj@3 (18)" in text and "Gained and lost since before training" in text


def test_the_summary_says_what_training_shares_with_the_sets(run):
    notes = read_json(run.summary)["students"]["arm"]["rounds"][-1]["notes"]
    assert notes["texts_trained_on"] > 0 and "texts_with_evaluation_words" in notes
    assert any("decontamination against" in note for note in read_json(run.data_notes))


def test_models_of_a_run_are_evaluated_afterwards_and_the_gate_reads_them(run, tmp_path, capsys):
    from skillray.on_ray.evaluate import evaluate_connected

    later = f"later={write_set(tmp_path / 'later.jsonl', 9, 1)}"
    columns = ["evaluation.sets.0.question_column=problem", "evaluation.sets.0.reference_column=final"]
    asked = EvaluationRequest(target=run.path, sets=[later], overrides=columns)
    config = config_of(asked)
    assert list(models_of(run)) == ["arm-before", "arm-after"]
    folder = RunFolder(f"{run.path}/evaluations")
    with writing(folder.path) as fence:
        fence.commit(folder.config, dump_config(config).encode())
        evaluate_connected(config, fence, None, None, lambda name: lambda done, total, unit: None)
    models = evaluation_of(folder, config, run)["models"]
    assert all(one["sets"]["later"]["n"] == 18 and one["accuracy"] is not None for one in models.values())
    code = gate(run, "arm", 0.02)
    said = capsys.readouterr().out
    assert code in (0, 2) and ("gate open" in said) == (code == 0)
    assert "later" in said and "held_out" in said and "skill " in said
