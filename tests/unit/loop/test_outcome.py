"""Why a student ended: one of three reasons, and a sentence with its figures."""

from __future__ import annotations

import pytest

from skillray.config import parse
from skillray.loop.outcome import is_studied, outcome_of, study_result
from skillray.loop.rounds import Stop
from skillray.loop.summary import summarise
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json
from skillray.store.layout import RunFolder
from skillray.store.schemas import SCHEDULE
from tests.unit.loop.make_tables import gap_row, graded_row, write_graded, write_pool, write_study

SKIPPED = {"pairs": 0, "pairs_without_pool_questions": 3}
CASES = [
    ([], 0, None, {"pairs": 0}, Stop.NOTHING_TO_LEARN, "none of the 30 profile questions was difficult"),
    ([gap_row(1)], 0, None, {"pairs": 0}, Stop.NOTHING_TO_LEARN, "named for any of its 1 difficult profile questions"),
    ([gap_row(1, "x")], 0, None, SKIPPED, Stop.NOTHING_LEFT, "no pool question has the missing skill of any of 3"),
    (
        [gap_row(1, "x")],
        2,
        0,
        {"pairs": 2, "drafts_held_out": 4, "drafts_too_long": 6},
        Stop.NOTHING_LEFT,
        "all examples were removed: 4 are held-out or profile questions, 6 are longer than training.max_length",
    ),
    ([gap_row(1, "x")], 2, 0, {"pairs": 2}, Stop.NOTHING_LEFT, "the teacher wrote nothing that could be kept"),
    ([gap_row(1, "x")], 2, 5, {"pairs": 2}, None, ""),
]


@pytest.mark.parametrize(("gaps", "orders", "examples", "notes", "stop", "why"), CASES)
def test_what_study_left_says_why_it_ended(tmp_path, gaps, orders, examples, notes, stop, why):
    run = RunFolder(str(tmp_path))
    write_study(run.round("a", 1), gaps, orders, examples, **notes)
    assert study_result(run, "a", 1) is stop
    said = outcome_of(run, "a", stop and str(stop), 1)
    assert why in said and ("round 1" in said) is (stop is not None)


@pytest.mark.parametrize(
    ("dynamics", "sealed", "whole"),
    [
        (None, [], False),
        (None, ["segment-000"], True),
        ({"first": 1}, ["segment-000"], False),  # killed between the two: its probe could never be fitted
        ({"first": 1}, ["probe"], False),
        ({"first": 1}, ["segment-000", "probe"], True),
        ({"first": 1, "baseline": None, "actions": []}, ["segment-000"], True),
    ],
)
def test_a_study_is_over_when_all_it_is_for_can_be_trained(tmp_path, dynamics, sealed, whole):
    stage = {"curriculum": {"type": "uniform"}} | ({} if dynamics is None else {"dynamics": dynamics})
    config = parse({"name": "r", "students": [{"name": "a", "stages": [stage]}]}, "c")
    folder = RunFolder(str(tmp_path)).round("a", 0)
    for name in sealed:
        folder.folder(name).table("schedule").write(SCHEDULE.empty_table(), fence=UNFENCED)
    assert is_studied(folder, config.students[0].stage(0)) is whole


def test_the_summary_of_a_perfect_student_says_so(tmp_path):
    run = RunFolder(str(tmp_path))
    write_pool(run, "sum")
    write_graded(run.base("a").table("scores"), [graded_row(n) for n in range(30)])
    write_study(run.round("a", 0), [], orders=0, pairs=0)
    commit_json(run.status, {"students": {"a": {"stop_reason": "nothing_to_learn"}}, "seconds": {}})
    config = parse({"name": "r", "students": [{"name": "a", "curriculum": {"type": "stat-sel"}}]}, "c")
    student = summarise(run, config).model_dump(mode="json")["students"]["a"]
    assert student["outcome"].startswith("nothing to learn: none of the 30 profile questions was difficult for it")
    assert student["warnings"] == [] and [entry["round"] for entry in student["rounds"]] == [-1]
