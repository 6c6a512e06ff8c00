"""The grader against the recorded judgements of 2,638 real GSM8K responses."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from skillray.grading.answers import Verdict
from skillray.grading.pool import AnswerPool

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def read(name: str) -> Any:
    path = DATA / name
    if not path.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"{name} of the real data sets is not next to the repository")
    return pq.read_table(path).to_pylist()


def test_recorded_gsm8k_responses_are_graded_as_they_were() -> None:
    answers = {row["question_id"]: row["answer"] for row in read("gsm8k/test.parquet")}
    rows = read("gsm8k/recorded.parquet")
    with AnswerPool() as pool:
        verdicts = pool.grade([(row["response"], answers[row["question_id"]]) for row in rows])
    agreed = sum((verdict is Verdict.CORRECT) == row["is_correct"] for verdict, row in zip(verdicts, rows, strict=True))
    assert agreed == len(rows) == 2638  # measured: all of them
    assert not {Verdict.TIMEOUT, Verdict.CRASHED, Verdict.TOO_LONG} & set(verdicts)


def test_math_reference_solutions_are_correct_and_each_others_are_not() -> None:
    rows = read("math/test.parquet")
    with AnswerPool() as pool:
        assert set(pool.grade([(row["solution"], row["answer"]) for row in rows])) == {Verdict.CORRECT}
        others = [(row, other) for row, other in pairwise(rows[:300]) if row["answer"] != other["answer"]]
        wrong = pool.grade([(row["solution"], other["answer"]) for row, other in others])
    assert set(wrong) == {Verdict.WRONG}
