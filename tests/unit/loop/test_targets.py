"""Which answers may be studied, by hand: three questions, and what a student or a teacher wrote to each."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.errors import StageError
from skillray.loop.study import orders_table
from skillray.loop.targets import Drawn, Rewritten, Verified, answer_notes, drawn_ids
from skillray.store.fence import UNFENCED
from skillray.store.schemas import QUESTIONS, ROLLOUTS
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome, Reply, Rewrite
from skillray.types import content_id

A, B, C = (content_id(text) for text in "abc")
QUESTION: dict[str, Any] = {"answer": "2", "solution": "1+1=2", "skills": ["sum"], "split": "pool"}
POOL = [QUESTION | {"question_id": content_id(text), "question": text} for text in "abc"]


def rollouts(*written: tuple[str, str, bool]) -> pa.Table:
    """(question, response, finished) as rows, the samples of a question next to each other."""
    rows = [
        QUESTION
        | {"question_id": content_id(question), "question": question, "sample": place, "num_tokens": 3}
        | {"response": response, "finished": finished}
        for place, (question, response, finished) in enumerate(written)
    ]
    return pa.Table.from_pylist(rows, schema=ROLLOUTS)


def orders(path: Any, *draws: bytes) -> Table:
    table = Table(str(path / "orders"))
    order = Order(kind=OrderKind.SELECT, skill=None, parent_id=None, question_ids=draws, count=len(draws))
    table.write(orders_table(Plan(orders=(order,))), fence=UNFENCED)
    return table


def test_only_what_is_right_and_ended_may_be_studied() -> None:
    verify = Verified(deadline_s=5.0).open()
    found = verify(
        rollouts(
            ("a", "#### 3", True),
            ("a", "so\n#### 2", True),
            ("a", "#### 2", True),
            ("a", "so\n#### 2", True),
            ("b", "#### 2", False),
            ("b", "no idea", True),
        )
    ).to_pylist()
    assert [(row["question"], row["responses"], row["verdicts"]) for row in found] == [
        ("a", ["so\n#### 2", "#### 2"], ["wrong", "correct", "correct", "repeated"]),
        ("b", [], ["cut_off", "no_answer"]),
    ]


def test_what_is_drawn_is_asked_once(tmp_path) -> None:
    table = orders(tmp_path, B, A, B)
    asked = Drawn(table.folder).open()(pa.Table.from_pylist(POOL, schema=QUESTIONS))
    assert asked["question_id"].to_pylist() == [A, B] and drawn_ids(table) == sorted([A, B])


def test_a_question_is_rewritten_as_often_as_it_is_drawn(tmp_path) -> None:
    asked: list[tuple[str, int]] = []

    def ask(task: Any, requests: Any) -> list[Reply]:
        replies = {
            ("a", 0): Reply(outcome=Outcome.OK, value="in words\n#### 2"),
            ("b", 0): Reply(outcome=Outcome.OK, value="#### 7"),
            ("b", 1): Reply(outcome=Outcome.TRUNCATED),
        }
        for request in requests:
            assert isinstance(request, Rewrite)
            asked.append((request.question.question, request.index))
        return [replies[key] for key in asked]

    stage = Rewritten(orders(tmp_path, A, B, B, B).folder, 2, lambda: ask)
    found = stage.open()(pa.Table.from_pylist(POOL[:2], schema=QUESTIONS)).to_pylist()
    assert asked == [("a", 0), ("b", 0), ("b", 1)]
    assert [(row["responses"], row["verdicts"]) for row in found] == [
        (["in words\n#### 2"], ["correct"]),
        ([], ["another_answer", "teacher_truncated"]),
    ]
    table = Table(str(tmp_path / "usable"))
    table.write(pa.Table.from_pylist(found, schema=table.schema), fence=UNFENCED)
    assert answer_notes(table, "drop") == {
        "questions_asked": 2,
        "answers_written": 3,
        "answers_another_answer": 1,
        "answers_correct": 1,
        "answers_teacher_truncated": 1,
        "questions_without_answer_dropped": 1,
    }


def test_a_teacher_that_cannot_rewrite_these_data_is_told(tmp_path) -> None:
    stage = Rewritten(
        orders(tmp_path, A).folder, 2, lambda: lambda task, requests: [Reply(outcome=Outcome.UNSUPPORTED)]
    )
    with pytest.raises(StageError, match="the teacher cannot rewrite solutions of these data; set another `teacher`"):
        stage.open()(pa.Table.from_pylist(POOL[:1], schema=QUESTIONS))
