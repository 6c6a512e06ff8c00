"""MATH: seven subjects and their skills through the recipe, small, up to what is studied; of its students the first.
The other's curriculum is in test_loop, and test_gsm8k trains on tables.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.compute as pc
import pytest

from skillray.config import dump_config, load_config
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
RECIPE = Path(__file__).parents[2] / "jobs" / "recipes" / "math.yaml"


@pytest.fixture(scope="module")
def run(local_ray, shared_data, tmp_path_factory) -> RunFolder:
    from skillray.on_ray.launch import supervise

    data, folder = shared_data / "math", RunFolder(str(tmp_path_factory.mktemp("math")))
    sets = {
        "data.pool.path": data / "train.parquet",
        "data.probe.path": data / "test.parquet",
        "data.profile_share": 0.02,
        "data.max_held_out": 24,
        "students.0.curriculum.num_examples": 60,
        "rollout.max_new_tokens": 8,
        "training.max_length": 1,  # no example fits: nothing is trained
        "placement.rollout.max_workers": 1,
        "placement.grade.max_workers": 1,
    }
    first = load_config(str(RECIPE)).students[0].model_dump(mode="json")
    overrides = [f"students={json.dumps([first])}", *(f"{field}={value}" for field, value in sets.items())]
    config = load_config(str(RECIPE), overrides)
    with writing(folder.path) as fence:
        fence.commit(folder.config, dump_config(config).encode())
        assert supervise(config, fence, lambda running: None)
    return folder


def test_the_vocabulary_is_that_of_the_labels(run, shared_data):
    """As many skills as skills.json names over its subjects; four names stand in two subjects."""
    listed = read_json(str(shared_data / "math" / "skills.json"))
    graph = read_json(run.graph)
    assert set(graph["skills"]) == {f"{subject}/{skill}" for subject, skills in listed.items() for skill in skills}
    assert set(graph["subjects"].values()) == set(listed)


def test_what_a_question_misses_is_filled_from_its_subject(run):
    pool = {row["question_id"]: row for row in run.questions("pool").read().to_pylist()}
    asked = {row["question_id"]: row["subject"] for row in run.questions("profile").read().to_pylist()}
    orders = run.round("stat-sel", 0).segment().table("orders").read().to_pylist()
    assert len({asked[order["parent_id"]] for order in orders}) > 1
    for order in orders:
        assert order["skill"].startswith(f"{asked[order['parent_id']]}/")
        for question_id in order["question_ids"]:
            assert pool[question_id]["subject"] == asked[order["parent_id"]]
            assert order["skill"] in pool[question_id]["skills"]


def test_one_score_says_right_or_wrong(run):
    assert run.base("stat-sel").table("scores").num_rows() == 24
    graded = run.round("stat-sel", 0).table("graded").read(["step_scores", "correct", "difficult"]).to_pylist()
    assert graded and all(len(row["step_scores"]) <= 1 for row in graded)
    assert all(row["difficult"] is not row["correct"] for row in graded)


def test_the_report_says_what_was_scored_and_left_out_and_groups_by_subject(run):
    from skillray.report import profile_table

    page = open(run.report).read()
    assert "is not STAT&#39;s process reward model" in page
    assert "left out 4 without an answer" in page and "left out 1 that data.probe has too" in page
    assert '<tr class="subject"><th colspan="2" scope="rowgroup">number theory</th></tr>' in page
    lines = profile_table(run).splitlines()
    gaps = run.round("stat-sel", 0).table("gaps").read(["missing_skills"])
    missing = set(pc.list_flatten(gaps["missing_skills"]).to_pylist())
    assert {line.strip() for line in lines} >= {skill.split("/")[0] for skill in missing}
    assert all(any(line.startswith(f"  {skill.split('/')[1]}") for line in lines) for skill in missing)
