"""What the student itself answers on real Ray: its own right answers and a teacher's rewrites as targets, and SwS's new
questions that are within its reach."""

from __future__ import annotations

import os
from typing import Any

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.loop.questions import question_of
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.layout import RunFolder

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
OWN = {"source": "student", "count": 2, "samples": 3}
CONFIG: dict[str, Any] = {
    "name": "targets",
    "data": {"type": "domain", "pool_per_skill": 2, "profile_per_skill": 1, "held_out_per_skill": 1},
    "students": [
        {"name": "own", "curriculum": {"type": "uniform", "num_examples": 60, "answers": OWN}},
        {
            "name": "same",
            "curriculum": {"type": "uniform", "num_examples": 60, "answers": OWN | {"otherwise": "human"}},
        },
        {"name": "rewritten", "curriculum": {"type": "uniform", "num_examples": 90, "answers": {"source": "rewrites"}}},
        {
            "name": "sws",
            "curriculum": {"type": "sws", "num_examples": 8, "samples": 4, "concepts": 2, "accuracy": [0.25, 1.0]},
        },
    ],
    "rollout": {"max_new_tokens": 48, "batch_size": 64},
    "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}, "rollout": {"max_workers": 1}},
    "training": {"max_tokens": 2000, "max_length": 256},
}


@pytest.fixture(scope="module")
def studied(local_ray, tmp_path_factory) -> RunFolder:
    import ray

    from skillray.on_ray.reply_logs import start_log
    from skillray.on_ray.runner import namespace_of
    from skillray.on_ray.teacher import start_teacher, stop_teacher
    from skillray.on_ray.verbs import Runner

    config, run = parse(CONFIG, "test"), RunFolder(str(tmp_path_factory.mktemp("targets")))
    Runner(run, config, config.students, round=0, fence=UNFENCED).prepare()
    start_teacher("teacher-targets", config.teacher, config.placement.teacher, 120.0, print)
    log = start_log(namespace_of("targets", UNFENCED), 0, run.replies(0), UNFENCED, "teacher-targets", config)
    try:
        looking = Runner(run, config, config.students[-1:], round=0, fence=UNFENCED)
        looking.answer()
        looking.diagnose()
        for student in config.students:
            Runner(run, config, (student,), round=0, fence=UNFENCED).study()
    finally:
        ray.kill(log)
        stop_teacher("teacher-targets")
    return run


def notes(run: RunFolder, student: str) -> dict[str, float]:
    found: dict[str, float] = read_json(os.path.join(run.round(student, 0).segment().path, "study.json"))["notes"]
    return found


def test_what_is_studied_is_right_and_the_students_own(studied):
    segment = studied.round("own", 0).segment()
    written = segment.targets.table("rollouts").read().to_pylist()
    said = {(row["question_id"], row["response"]) for row in written}
    pool = {row["question_id"]: question_of(row) for row in studied.questions("pool").read().to_pylist()}
    examples = segment.table("examples").read().to_pylist()
    assert len(pool) == 36 and len(written) == 36 * 3 and examples
    for row in examples:
        assert (row["question_id"], row["response"]) in said
        assert f"#### {pool[row['question_id']].answer}" in row["response"]
    assert max(sum(row["question_id"] == one for row in examples) for one in pool) <= 2  # `count`


def test_draws_are_studied_or_counted(studied):
    counted, examples = notes(studied, "own"), studied.round("own", 0).segment().table("examples").read().to_pylist()
    assert (counted["questions_asked"], counted["answers_written"]) == (36, 108)
    assert counted["questions_without_answer_dropped"] > 0 and counted["answers_wrong"] > 0
    studied_draws = sum(row["multiplicity"] for row in examples)
    assert studied_draws + counted["refused_no_usable_answer"] == 60


def test_who_is_asked_the_same_shares_the_answers(studied):
    own, same = (studied.round(name, 0).segment().targets for name in ("own", "same"))
    for name in ("asked", "rollouts", "usable"):
        assert own.table(name).source() == same.table(name).source()
    # The other rule is for what nobody got right: the reference is studied instead.
    rows = studied.round("same", 0).segment().table("examples").read().to_pylist()
    assert sum(row["multiplicity"] for row in rows) == 60
    assert len({row["question_id"] for row in rows}) == 36
    assert notes(studied, "same")["questions_without_answer_by_human_solution"] > 0


def test_rewrites_are_right_and_asked_for_as_often_as_they_are_drawn(studied):
    pool = {row["question_id"]: question_of(row) for row in studied.questions("pool").read().to_pylist()}
    rows = studied.round("rewritten", 0).segment().table("examples").read().to_pylist()
    assert sum(row["multiplicity"] for row in rows) == 90 and {row["question_id"] for row in rows} == set(pool)
    # 90 draws of 36 questions: 18 of them three times, 18 twice
    assert notes(studied, "rewritten")["answers_written"] == 18 * 3 + 18 * 2
    for row in rows:
        steps = DOMAINS["arithmetic"].check(pool[row["question_id"]], row["response"])
        assert {step.score for step in steps} == {1.0} and row["origin"] == "select"


def test_new_questions_are_within_the_students_reach(studied):
    segment = studied.round("sws", 0).segment()
    wave = segment.folder("wave-00")
    rows = wave.table("accuracies").read().to_pylist()
    assert rows and all(row["answers"] == 4 for row in rows)
    reached = {row["question_id"] for row in rows if row["accuracy"] >= 0.25}
    drafts = wave.folder("reached").table("drafts").read().to_pylist()
    assert {row["question_id"] for row in drafts if row["refused"] is None} == reached
    counted = notes(studied, "sws")
    assert counted["refused_too_hard_for_student"] > 0 and counted["waves"] > 1  # others were asked for in their place
    examples = segment.table("examples").read().to_pylist()
    assert {row["origin"] for row in examples} == {"concepts"} and len(examples) <= 8
