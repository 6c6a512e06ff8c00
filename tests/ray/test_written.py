"""Textbooks, exercises, composed and carried examples by the real domain teacher, through Ray Data."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest

from skillray.config import parse
from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.domains import DOMAINS
from skillray.loop.questions import question_of
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.layout import RunFolder

pytestmark = pytest.mark.ray
ARITHMETIC = DOMAINS["arithmetic"]
STAGES = [
    {"curriculum": {"type": "textbooks", "per_skill": 1, "replay": 0.1, "order": "loss"}},
    {"curriculum": {"type": "exercises", "per_skill": 3}},
]
CONFIG = {
    "name": "written",
    "data": {"type": "domain", "pool_per_skill": 4, "profile_per_skill": 4, "held_out_per_skill": 4},
    "students": [{"name": "dsa", "stages": STAGES}],
    "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}},
    "training": {"max_tokens": 2000, "max_length": 512},
}


@pytest.fixture(scope="module")
def studied(local_ray, tmp_path_factory) -> RunFolder:
    import ray

    from skillray.on_ray.reply_logs import start_log
    from skillray.on_ray.runner import namespace_of
    from skillray.on_ray.teacher import start_teacher, stop_teacher
    from skillray.on_ray.verbs import Runner

    general = tmp_path_factory.mktemp("general") / "general.txt"
    general.write_text("The sea is wide.\n\nWinds come from the west.\n")
    data = CONFIG["data"] | {"replay": {"path": str(general)}}
    config, run = parse(CONFIG | {"data": data}, "test"), RunFolder(str(tmp_path_factory.mktemp("written")))
    runners = [Runner(run, config, config.students, round=index, fence=UNFENCED) for index in (0, 1)]
    runners[0].prepare()
    start_teacher("teacher-written", config.teacher, config.placement.teacher, 120.0, print)
    log = start_log(namespace_of("written", UNFENCED), 0, run.replies(0), UNFENCED, "teacher-written", config)
    try:
        for runner in runners:
            runner.study()
        plan = edited(run)
        runners[1].note_plan(runners[1].folder().segment(1), plan)
        runners[1].fulfil(1, plan)
    finally:
        ray.kill(log)
        stop_teacher("teacher-written")
    return run


def edited(run: RunFolder) -> Plan:
    """Of the examples of segment 0: three go on with half the weight, two are made one, and one more is written."""
    rows = run.round("dsa", 1).segment(0).table("examples").read(["example_id", "question_id", "skills"]).to_pylist()
    easy = [row for row in rows if row["skills"][0] in ("addition_with_carry", "multiplication_in_steps")]
    ids = [row["question_id"] for row in easy]
    order = {"parent_id": None, "count": 1}
    return Plan(
        orders=(
            Order(kind=OrderKind.SYNTHESIZE, skill=easy[0]["skills"][0], question_ids=(ids[0],), **order),
            Order(kind=OrderKind.COMPOSE, skill=None, question_ids=(ids[0], ids[-1]), **order),
            Order(
                kind=OrderKind.CARRY,
                skill=None,
                question_ids=tuple(row["example_id"] for row in rows[:3]),
                weight=0.5,
                parent_id=None,
                count=3,
            ),
        ),
        target=2,
    )


def test_passages_are_plain_text_and_replay_is_among_them(studied):
    segment = studied.round("dsa", 0).segment()
    rows = segment.table("examples").read().to_pylist()
    passages = [row for row in rows if row["origin"] == "textbook"]
    assert {row["skills"][0] for row in passages} == set(ARITHMETIC.skills_of()) and len(passages) == 18
    for row in passages:
        assert row["question"] == "" and row["num_loss_tokens"] == len(row["input_ids"]) - 1
    replay = [row for row in rows if row["origin"] == "keep"]
    assert {row["response"] for row in replay} == {"The sea is wide.", "Winds come from the west."}
    assert {row["question"] for row in replay} == {""} and segment.table("schedule").num_rows() > 0
    assert read_json(segment.study)["notes"]["written"] == 18


def test_an_update_knows_what_is_asked_and_what_is_only_read(studied):
    from skillray.on_ray.segments import _outline

    for stage, is_asked in ((0, False), (1, True)):  # passages and general text; exercises
        rows = _outline(studied.round("dsa", stage).segment(0).table("examples").read())
        assert set(rows["is_asked"].to_pylist()) == {is_asked}


def test_by_loss_the_skills_that_surprise_least_come_first(studied):
    segment = studied.round("dsa", 0).segment()
    losses = segment.folder("losses-00").table("losses").read().to_pylist()
    by_id = {row["example_id"]: row["loss"] for row in losses}
    rows = segment.table("examples").read(["example_id", "unit", "origin"]).sort_by("unit").to_pylist()
    passages = [row for row in rows if row["origin"] == "textbook"]
    found = [by_id[row["example_id"]] for row in passages]
    assert [row["unit"] for row in passages] == list(range(18)) and found == sorted(found) and min(found) > 0


def test_exercises_of_every_skill_are_exact_and_not_held_out(studied):
    rows = studied.round("dsa", 1).segment(0).table("examples").read().to_pylist()
    held_out = studied.questions("held_out").read(["question"])["question"].to_pylist()
    assert {row["skills"][0] for row in rows} == set(ARITHMETIC.skills_of()) and {r["origin"] for r in rows} == {
        "exercise"
    }
    assert 46 <= len(rows) <= 54  # 3 for each of 18, close enough at 85%
    assert not {row["question"] for row in rows} & set(held_out)
    for row in rows:
        assert row["response"].splitlines()[-1].startswith("#### ") and row["unit"] == 0


def test_the_next_segment_goes_on_with_some_and_has_harder_ones(studied):
    before, after = (studied.round("dsa", 1).segment(index).table("examples").read() for index in (0, 1))
    carried = after.filter(pc.equal(after["origin"], "exercise")).to_pylist()
    assert len(carried) == 3 and {row["weight"] for row in carried} == {0.5}
    known = {row["example_id"]: row for row in before.to_pylist()}
    assert all(row == known[row["example_id"]] | {"weight": 0.5} for row in carried)
    (composed,) = after.filter(pc.equal(after["origin"], "compose")).to_pylist()
    question = question_of(composed | {"answer": "", "solution": composed["response"], "subject": "", "level": None})
    assert composed["question"].startswith("A is the answer to: ") and len(composed["parents"]) == 2
    assert len(composed["response"].splitlines()) >= 6 and question.skills
    (new,) = after.filter(pc.equal(after["origin"], "synthesize")).to_pylist()
    assert new["skills"][0] in ("addition_with_carry", "multiplication_in_steps")
