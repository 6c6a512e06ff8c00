"""SwS's questions by hand: what two judges say, and what a student can do."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.loop.concepts import CRITERIA, Asked, Measured, WithinReach, verdict_of, write_of_concepts
from skillray.loop.fulfil import as_drafts
from skillray.loop.study import failures_of, orders_table
from skillray.loop.write import Desk
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED
from skillray.store.schemas import ROLLOUTS
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome, Reply, Task
from skillray.types import content_id
from tests.tiny import tiny_tokenizer
from tests.unit.loop.make_tables import graded_row, write_graded

PERFECT, FLAWED, BAD = ([1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 1, 1])
BODY = {"question": "1 + 1 + 1?", "answer": "", "solution": "#### 3", "skills": ["sum"], "subject": "", "level": None}


def given(*points: list[int] | None) -> list[Reply]:
    return [Reply(outcome=Outcome.FAILED) if p is None else Reply(outcome=Outcome.OK, value=p) for p in points]


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ((PERFECT, PERFECT), None),
        ((PERFECT, FLAWED), None),
        ((FLAWED, FLAWED), "judged_imperfect"),
        ((PERFECT, BAD), "judged_bad"),
        ((PERFECT, None), None),
        ((FLAWED, None), "judged_imperfect"),
        ((None, None), "judged_imperfect"),
    ],
)
def test_one_perfect_and_no_bad_verdict(points: tuple[list[int] | None, ...], why: str | None) -> None:
    assert verdict_of(given(*points)) == why


def written(*grades: Reply) -> tuple[list[dict[str, Any]], dict[Task, list[Any]]]:
    asked: dict[Task, list[Any]] = {}

    def ask(task: Task, requests: list[Any]) -> list[Reply]:
        asked[task] = list(requests)
        match task:
            case Task.WRITE_EXERCISES:
                return [Reply(outcome=Outcome.OK, value=[BODY])]
            case Task.GRADE:
                return list(grades)
            case _:
                return [Reply(outcome=Outcome.OK, value="so\n#### 3") for _ in requests]

    graph = SkillGraph.flat(("sum", "count", "product"))
    desk = Desk(ask=ask, same=str.__eq__, seeds={}, graph=graph, solutions=3, min_agreement=2, wave=1)
    order = Order(
        kind=OrderKind.CONCEPTS, skill="sum", parent_id=None, question_ids=(), count=1, concepts=("count", "product")
    )
    return write_of_concepts(orders_table(Plan(orders=(order,))).to_pylist(), desk), asked


def test_a_question_of_three_concepts_is_judged_twice_and_solved() -> None:
    drafts, asked = written(*given(PERFECT, PERFECT))
    (request,) = asked[Task.WRITE_EXERCISES]
    assert (request.skill, request.learned, request.count, request.index) == ("sum", ("count", "product"), 1, 1)
    assert [(one.sample, one.response) for one in asked[Task.GRADE]] == [(0, "1 + 1 + 1?"), (1, "1 + 1 + 1?")]
    assert asked[Task.GRADE][0].criteria == CRITERIA and "sum, count, product" in asked[Task.GRADE][0].asked
    assert len(asked[Task.SOLVE]) == 2  # besides the one that it came with
    assert [(row["response"], row["refused"], row["origin"]) for row in drafts] == [("#### 3", None, "concepts")]


def test_what_a_judge_calls_bad_is_not_solved() -> None:
    drafts, asked = written(*given(PERFECT, BAD))
    assert [row["refused"] for row in drafts] == ["judged_bad"] and Task.SOLVE not in asked


def test_an_exact_teacher_needs_no_judge() -> None:
    drafts, _ = written(*[Reply(outcome=Outcome.UNSUPPORTED)] * 2)
    assert [row["refused"] for row in drafts] == [None]


def drafts(*questions: str) -> pa.Table:
    row = {"response": "#### 3", "skills": ["sum"], "origin": "concepts", "parents": [], "multiplicity": 1}
    row |= {"weight": 1.0, "unit": 0, "refused": None}
    ids = [{"example_id": content_id(q, "#### 3"), "question_id": content_id(q), "question": q} for q in questions]
    refused = {
        "example_id": content_id("no"),
        "question_id": content_id("no"),
        "question": "no?",
        "refused": "judged_bad",
    }
    return as_drafts(tiny_tokenizer(), [row | one for one in [*ids, refused]])


def test_only_questions_within_reach_stay(tmp_path) -> None:
    asked = Asked().open()(drafts("easy?", "fair?", "hard?")).to_pylist()
    assert [(row["question"], row["answer"]) for row in asked] == [("easy?", "3"), ("fair?", "3"), ("hard?", "3")]
    right = {"easy?": 4, "fair?": 1, "hard?": 0}
    rollouts = [
        row
        | {"sample": n, "response": "#### 3" if n < right[row["question"]] else "#### 4", "num_tokens": 1}
        | {"finished": True}
        for row in asked
        for n in range(4)
    ]
    accuracies = Table(str(tmp_path / "accuracies"))
    measured = Measured(deadline_s=5.0).open()(pa.Table.from_pylist(rollouts, schema=ROLLOUTS))
    accuracies.write(measured, fence=UNFENCED)
    assert measured["accuracy"].to_pylist() == [1.0, 0.25, 0.0] and measured["answers"].to_pylist() == [4, 4, 4]
    kept = WithinReach(accuracies.folder, 0.125, 0.875).open()(drafts("easy?", "fair?", "hard?"))
    found = {row["question"]: (row["refused"], len(row["input_ids"]) > 0) for row in kept.to_pylist()}
    assert found == {
        "easy?": ("too_easy_for_student", False),
        "fair?": (None, True),
        "hard?": ("too_hard_for_student", False),
        "no?": ("judged_bad", False),
    }


def test_failures_are_counted_by_subject_or_main_skill(tmp_path) -> None:
    rows = [
        graded_row(0, skills=["sum"], difficult=True),
        graded_row(1, skills=["sum", "count"]),
        graded_row(2, skills=["count"], difficult=True, judged=False),  # another sample of a question decides
        graded_row(3, skills=["count"], subject="numbers", difficult=True),
    ]
    table = Table(str(tmp_path / "graded"))
    write_graded(table, rows)
    failures, category = failures_of(table)
    assert [(one.name, one.asked, one.failed) for one in failures] == [("numbers", 1, 1), ("sum", 2, 1)]
    assert category == {content_id(0): "sum", content_id(1): "sum", content_id(3): "numbers"}
