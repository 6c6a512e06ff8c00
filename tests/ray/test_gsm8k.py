"""Real answers: the GSM8K recipe with the recorded answers of two models, both at once, and small."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from skillray.config import dump_config, load_config
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.types import content_id

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
RECIPE = Path(__file__).parents[2] / "jobs" / "recipes" / "gsm8k.yaml"
STUDENTS = ("6b-finetuning", "175b-verification")


@pytest.fixture(scope="module")
def run(local_ray, shared_data, tmp_path_factory) -> RunFolder:
    from skillray.on_ray.launch import supervise

    data, folder = shared_data / "gsm8k", RunFolder(str(tmp_path_factory.mktemp("gsm8k")))
    sets = {
        "data.pool.path": data / "train.parquet",
        "data.probe.path": data / "test.parquet",
        "rollout.recorded.path": data / "recorded.parquet",
        "data.profile_share": 0.15,
        "data.max_held_out": 60,
        "rollout.max_new_tokens": 8,
        "training.max_tokens": 3000,
        "placement.rollout.max_workers": 1,
        "placement.grade.max_workers": 1,
    }
    config = load_config(str(RECIPE), [f"{field}={value}" for field, value in sets.items()])
    with writing(folder.path) as fence:
        fence.commit(folder.config, dump_config(config).encode())
        assert supervise(config, fence, lambda running: None)
    return folder


def test_base_scores_are_those_of_the_recorded_answers(run, shared_data):
    recorded = pq.read_table(shared_data / "gsm8k" / "recorded.parquet").to_pylist()
    known = {(row["student"], row["question_id"]): row["is_correct"] for row in recorded}
    for name in STUDENTS:
        scores = run.base(name).table("scores").read(["source_id", "correct"]).to_pylist()
        assert len(scores) == 60
        assert all(row["correct"] == known[name, row["source_id"]] for row in scores)


def test_missing_skills_are_the_labels_to_blame_of_difficult_questions(run):
    for name in STUDENTS:
        graded = run.round(name, 0).table("graded").read(["question_id", "correct", "difficult"]).to_pylist()
        gaps = run.round(name, 0).table("gaps").read().to_pylist()
        assert {row["question_id"] for row in gaps} == {row["question_id"] for row in graded if row["difficult"]}
        assert all(row["missing_skills"] and {*row["missing_skills"]} <= {*row["skills"]} for row in gaps)
        # The last step stands for the answer: whoever is wrong is difficult.
        assert all(row["difficult"] for row in graded if not row["correct"])


def test_selected_questions_have_the_missing_skill(run):
    pool = {
        row["question_id"]: row["skills"] for row in run.questions("pool").read(["question_id", "skills"]).to_pylist()
    }
    for name in STUDENTS:
        orders = run.round(name, 0).segment().table("orders").read(["skill", "question_ids"]).to_pylist()
        assert orders and all(row["skill"] in pool[one] for row in orders for one in row["question_ids"])


def test_the_report_says_that_other_models_were_diagnosed(run):
    assert "The diagnosed models are not the trained one" in open(run.report).read()
    rounds = {name: read_json(run.summary)["students"][name]["rounds"] for name in STUDENTS}
    assert rounds["175b-verification"][0]["accuracy"]["mean"] > rounds["6b-finetuning"][0]["accuracy"]["mean"]
    assert all(len(entries) == 2 for entries in rounds.values())


def test_probe_questions_are_not_in_the_pool(run):
    probe = [run.questions(split).read(["question_id"])["question_id"].to_pylist() for split in ("profile", "held_out")]
    assert not set(run.questions("pool").read(["question_id"])["question_id"].to_pylist()) & {*probe[0], *probe[1]}
    row = run.questions("profile").read().to_pylist()[0]
    assert row["question_id"] == content_id(row["question"]) and row["source_id"].startswith("gsm8k/test/")
