"""A question's story is put together from tables of a few rows, and every figure in it can be counted there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from skillray.cli.main import app
from skillray.errors import DataError
from skillray.report.story import find_question, story_of
from skillray.report.story_text import story_text
from skillray.store.fence import UNFENCED
from skillray.store.files import commit, commit_json
from skillray.store.layout import RunFolder
from skillray.store.schemas import GAPS, ORDERS, QUESTIONS
from skillray.types import content_id
from tests.unit.loop.make_tables import gap_row, graded_row, write_examples, write_graded

SEED = content_id("seed")


def question_row(n: int, text: str, split: str) -> dict[str, Any]:
    row = {"question_id": content_id(n), "question": text, "answer": "5", "solution": "", "skills": ["sum"]}
    return row | {"split": split}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Question 1 is failed, a new question is written for it, and after training it is answered right."""
    folder = RunFolder(str(tmp_path))
    texts = {1: "Add 2 and 3.", 2: "Add 2 and 4.", 3: "Add \x1b[31m7 and 8."}
    for split, numbers in (("profile", [1, 2]), ("pool", [3])):
        rows = [question_row(n, texts[n], split) for n in numbers]
        folder.questions(split).write(pa.Table.from_pylist(rows, schema=QUESTIONS), fence=UNFENCED)
    commit(folder.config, b"name: r")
    commit_json(folder.status, {"run": "r", "students": {"a": {"state": "done"}, "b": {"state": "running"}}})
    first = folder.round("a", 0)
    wrong = {"response": "2 + 3 = 6", "correct": False, "verdict": "wrong", "difficult": True}
    wrong |= {"step_texts": ["2 + 3 = 6"], "step_scores": [0.0], "step_skills": ["sum"]}
    write_graded(first.table("graded"), [graded_row(1, **wrong), graded_row(2)])
    first.table("gaps").write(pa.Table.from_pylist([gap_row(1, "sum")], schema=GAPS), fence=UNFENCED)
    order = {"kind": "synthesize", "skill": "sum", "parent_id": content_id(1), "question_ids": [SEED], "count": 2}
    order |= {"order_id": content_id("order"), "weight": 1.0, "unit": 0}
    first.segment().table("orders").write(pa.Table.from_pylist([order], schema=ORDERS), fence=UNFENCED)
    new = {"question": "Add 1 and 1.", "skills": ["sum"], "origin": "synthesize", "parents": [SEED]}
    others = [new | {"skills": ["product"]}, new | {"parents": [content_id("other")]}, {"question_id": content_id(3)}]
    write_examples(first.segment(), [new, *others])
    write_graded(first.table("scores"), [graded_row(9)])
    write_graded(folder.round("a", 1).table("graded"), [graded_row(1)])
    return folder


def test_a_question_is_told_from_the_failure_to_the_right_answer(run: RunFolder) -> None:
    story = story_of(run, "Add 2 and 3")
    [student, other] = story.students
    before, after = student.chapters
    assert (before.round, before.difficult, before.missing_skills, before.answers[0].correct) == (
        -1,
        True,
        ("sum",),
        False,
    )
    assert [(step.text, step.score) for step in before.answers[0].steps] == [("2 + 3 = 6", 0.0)]
    [order] = before.orders
    assert (order.kind, order.count, order.num_examples) == ("synthesize", 2, 1), "others: another skill or seed"
    assert order.examples[0]["question"] == "Add 1 and 1."
    assert (after.round, after.difficult, after.answers[0].correct, after.orders) == (0, False, True, ())
    assert (other.student, other.chapters, other.studied) == ("b", (), ())


def test_a_pool_question_says_where_it_was_studied(run: RunFolder) -> None:
    story = story_of(run, content_id(3).hex(), "a")
    assert [(s.round, s.origin, s.multiplicity) for s in story.students[0].studied] == [(0, "select", 1)]
    text = story_text(story)
    assert "studied in round 0 (select, drawn once)" in text
    assert "\x1b" not in text and "\\x1b[31m" in text, "a text cannot colour the terminal"


def test_the_command_prints_it(run: RunFolder) -> None:
    shown = CliRunner().invoke(app, ["show", run.path, content_id(1).hex()[:10], "--student", "a"])
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.stdout.splitlines()]
    for told in ("before training: 0 of 1 right, difficult", "missing: sum", "after round 0: 1 of 1 right"):
        assert told in lines
    assert "synthesize for sum: 2 asked for, 1 studied" in lines and "b:" not in lines


def test_what_cannot_be_shown_is_refused_in_a_line(run: RunFolder) -> None:
    with pytest.raises(DataError, match=r"2 questions match 'Add 2 and'; give one of these ids: \w{8} 'Add 2 and"):
        find_question(run, "Add 2 and")
    with pytest.raises(DataError, match="no question has an id that begins with 'Subtract', or holds this text"):
        find_question(run, "Subtract")
    with pytest.raises(DataError, match="--student: 'c' is none of this run's; there are a, b"):
        story_of(run, "Add 2 and 3", "c")
