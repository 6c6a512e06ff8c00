"""MATH's own columns become ours."""

from __future__ import annotations

import json

import pytest

from skillray.config.model import QuestionSource
from skillray.loop.published import our_columns
from skillray.loop.questions import read_source

MATH = {
    "problem": "What is $2x$ for $x = 3$?",
    "level": "Level 2",
    "type": "Algebra",
    "solution": "It is $2 \\cdot 3 = \\boxed{6}$.",
}


def test_a_math_row_as_published():
    assert our_columns(MATH) == {
        "question": MATH["problem"], "answer": "6", "solution": MATH["solution"], "subject": "Algebra", "level": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "answer", "level"),
    [
        ({"level": "Level ?"}, "6", None),
        ({"solution": "$\\boxed{}$"}, None, 2),
        ({"solution": None}, None, 2),
        ({"answer": "six"}, "six", 2),
        ({"level": 5}, "6", 5),
    ],
)
def test_rows_that_lack_something(change, answer, level):
    row = our_columns(MATH | change)
    assert (row["answer"], row["level"]) == (answer, level)


def test_a_row_with_our_columns_is_left_alone():
    ours = {"question": "q", "problem": "p", "level": "Level 2", "type": "t"}
    assert our_columns(ours) == ours


def test_it_is_read_from_a_file(tmp_path):
    path = tmp_path / "math.jsonl"
    path.write_text(json.dumps(MATH) + "\n")
    (row,) = read_source(QuestionSource(path=str(path)))
    assert (row["question"], row["level"]) == (MATH["problem"], 2)
