"""Broken or unskilled: shares by hand on both sides of each threshold."""

from __future__ import annotations

import pyarrow as pa
import pytest

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.loop.health import broken, refused, warnings_of
from skillray.loop.study import orders_table
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json
from skillray.store.layout import RunFolder
from skillray.store.schemas import CATEGORIES, GRADED
from tests.unit.loop.make_tables import gap_row, graded_row, write_examples, write_graded, write_pool, write_study

WRONG = {"correct": False, "verdict": "wrong"}
SILENT = {"correct": False, "verdict": "no_answer", "response": "", "finished": False}


def scores(right: int, wrong: int, silent: int) -> list[dict]:
    kinds = [{}] * right + [WRONG] * wrong + [SILENT] * silent
    return [graded_row(n, **kind) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("right", "wrong", "silent", "flagged"),
    [
        (0, 20, 0, True),  # wrong everywhere
        (0, 19, 0, False),  # too few to say
        (1, 19, 0, False),  # one is right: unskilled
        (0, 0, 20, True),  # answers nothing
        (80, 0, 20, False),  # at the threshold is not above it
        (79, 0, 21, True),
        (1, 0, 18, False),  # 19 questions
    ],
)
def test_a_student_that_is_probably_broken(right, wrong, silent, flagged):
    found = broken(pa.Table.from_pylist(scores(right, wrong, silent), schema=GRADED))
    assert (found is not None) is flagged
    if found:
        total = right + wrong + silent
        assert (
            f"of {total} held-out answers {right} are right, {silent} have no final answer, {silent} were cut" in found
        )
        assert "20 questions" in found and "20%" in found


def test_samples_are_answers_and_not_questions():
    rows = [graded_row(n % 10, sample=n // 10, **WRONG) for n in range(40)]  # 10 questions, 4 samples each
    assert broken(pa.Table.from_pylist(rows, schema=GRADED)) is None


def test_refused_rows_are_counted_and_the_first_is_named():
    rows = [graded_row(n, refused="step score 1 of 2 is nan" if n in (3, 5) else None) for n in range(9)]
    found = refused(pa.Table.from_pylist(rows, schema=GRADED))
    assert found is not None and "2 of 9 answers" in found and found.endswith("is nan")
    assert rows[3]["question_id"].hex() in found
    assert refused(pa.Table.from_pylist(rows[:3], schema=GRADED)) is None


def test_warnings_say_when_in_the_order_of_the_rounds(tmp_path):
    run = RunFolder(str(tmp_path))
    assert warnings_of(run, "a") == []  # nothing is known yet
    write_pool(run, "sum")
    write_graded(run.base("a").table("scores"), scores(0, 30, 0))
    gaps = [gap_row(1, "sum", "product"), gap_row(2, "quotient")]
    write_study(run.round("a", 0), gaps, orders=1, examples=1, pairs=1, pairs_without_pool_questions=2)
    write_graded(run.round("a", 0).table("scores"), scores(70, 0, 30))
    broken_before, skipped, broken_after = warnings_of(run, "a")
    assert broken_before.startswith("before training: probably broken: of 30 held-out answers 0 are right")
    assert skipped == (
        "round 0: 2 of 3 (question, missing skill) pairs were skipped: no pool question has the skill "
        "(product, quotient)"
    )
    assert broken_after.startswith("after round 0: probably broken: of 100 held-out answers 70 are right, 30 have no")


def test_an_update_that_could_not_do_its_work_is_a_warning(tmp_path):
    run = RunFolder(str(tmp_path))
    for folder in (run.base("a"), run.round("a", 0)):
        write_graded(folder.table("scores"), [graded_row(0)])
    notes = {"error": 0, "hard": 0, "easy": 3, "ambiguous": 0, "unseen": 0, "all_in_error_so_none_dropped": 0}
    for epoch in range(5):
        segment = run.round("a", 0).segment(epoch)
        commit_json(segment.study, {"notes": notes if epoch == 3 else notes | {"hard": 1}})
        if epoch >= 3:
            segment.table("categories").write(CATEGORIES.empty_table(), fence=UNFENCED)
    assert warnings_of(run, "a") == [
        "round 0, before epoch 3: all 3 examples are easy; nothing tells them apart",
    ]


def test_what_a_teacher_did_not_write_is_said_in_one_line(tmp_path):
    run = RunFolder(str(tmp_path))
    write_graded(run.base("a").table("scores"), scores(30, 0, 0))
    segment = run.round("a", 0).segment()
    order = {"parent_id": None, "question_ids": (), "count": 2}
    wanted = [Order(kind=OrderKind.EXERCISE, skill=skill, **order) for skill in ("sum", "power")]
    segment.table("orders").write(orders_table(Plan(orders=tuple(wanted))), fence=UNFENCED)
    write_examples(segment, [{"skills": ["sum"], "origin": "exercise"}])
    for notes, said in (
        ({"written": 1, "refused_x": 2}, "skills without anything written for them: 1 (power); removed: refused_x 2"),
        ({"refused_x": 4}, "nothing that the teacher wrote can be used (refused_x 4); the rest is studied"),
        (
            {"written": 1, "written_exercise": 1, "written_compose": 0, "refused_x": 4},
            "nothing can be used of what the teacher was to compose (refused_x 4); the rest is studied",
        ),
    ):
        commit_json(segment.study, {"memory": {}, "notes": notes})
        (line,) = warnings_of(run, "a")
        assert line == f"round 0: {said}"


def test_sets_that_are_smaller_than_they_were_to_be_are_told(tmp_path):
    run = RunFolder(str(tmp_path))
    write_graded(run.base("a").table("scores"), scores(30, 0, 0))
    segment = run.round("a", 0).segment()
    counted = {"questions_asked": 9, "answers_written": 36, "answers_correct": 20, "refused_no_usable_answer": 5}
    for notes, said in (
        ({"target": 40, "written": 40, "waves": 1}, []),
        (
            {"target": 40, "written": 31, "waves": 8, "refused_no_agreement": 6},
            [
                "31 of the 40 examples that a teacher was to write came after 8 waves (removed: refused_no_agreement "
                "6); methods are compared on sets of different sizes"
            ],
        ),
        (
            counted | {"questions_without_answer_dropped": 2},
            ["2 of 9 pool questions have no answer that may be studied (20 of 36 may); their 5 draws are dropped"],
        ),
        (
            counted | {"questions_without_answer_by_human_solution": 2},
            [
                "2 of 9 pool questions have no answer that may be studied (20 of 36 may); their reference solutions "
                "are studied"
            ],
        ),
    ):
        commit_json(segment.study, {"memory": {}, "notes": notes})
        assert warnings_of(run, "a") == [f"round 0: {line}" for line in said]
