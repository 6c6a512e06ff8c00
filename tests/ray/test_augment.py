"""MATH-Augment on the arithmetic domain: rewrites by the served teacher, wave after wave, up to what there is."""

from __future__ import annotations

import os

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.loop.questions import question_of
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.layout import RunFolder

pytestmark = pytest.mark.ray
CONFIG = {
    "name": "augment",
    "data": {"type": "domain", "pool_per_skill": 4, "profile_per_skill": 1, "held_out_per_skill": 1},
    "students": [{"name": "all", "curriculum": {"type": "augment"}}],
    "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}},
    "training": {"max_tokens": 2000, "max_length": 256},
}


@pytest.fixture(scope="module")
def studied(local_ray, tmp_path_factory) -> RunFolder:
    import ray

    from skillray.on_ray.reply_logs import start_log
    from skillray.on_ray.runner import namespace_of
    from skillray.on_ray.teacher import start_teacher, stop_teacher
    from skillray.on_ray.verbs import Runner

    config, run = parse(CONFIG, "test"), RunFolder(str(tmp_path_factory.mktemp("augment")))
    runner = Runner(run, config, config.students, round=0, fence=UNFENCED)
    runner.prepare()
    start_teacher("teacher-augment", config.teacher, config.placement.teacher, 120.0, print)
    log = start_log(namespace_of("augment", UNFENCED), 0, run.replies(0), UNFENCED, "teacher-augment", config)
    try:
        runner.study()
    finally:
        ray.kill(log)
        stop_teacher("teacher-augment")
    return run


def test_every_question_is_there_with_right_rewrites(studied):
    pool = {row["question_id"]: question_of(row) for row in studied.questions("pool").read().to_pylist()}
    rows = studied.round("all", 0).segment().table("examples").read().to_pylist()
    assert len(pool) == 72 and {row["question_id"] for row in rows} == set(pool)
    assert {row["origin"] for row in rows} == {"augment"}
    for row in rows:
        question = pool[row["question_id"]]
        steps = DOMAINS["arithmetic"].check(question, row["response"])
        assert {step.score for step in steps} == {1.0} and row["skills"] == list(question.skills)


def test_waves_go_on_until_a_question_has_no_other_rewrite(studied):
    """72 orders of 3 rewrites at most. One wave gives 72 examples; two more give others where steps can be turned."""
    segment = studied.round("all", 0).segment()
    notes = read_json(os.path.join(segment.path, "study.json"))["notes"]
    assert 72 < notes["written"] < 3 * 72 and notes["waves"] == 4  # the fourth had nothing left to ask
    assert segment.table("schedule").complete()
