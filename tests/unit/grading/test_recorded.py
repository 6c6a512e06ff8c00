"""The grader against the recorded judgements of 2,638 real GSM8K responses."""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from skillray.grading.answers import Verdict
from skillray.grading.compare import same
from skillray.grading.formulas import parse
from skillray.grading.normalise import clean, plain
from skillray.grading.numbers import as_number
from skillray.grading.pool import AnswerPool

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"

NUMBERS = 3932
"""MATH references that are plain numbers, measured; the other 1,068 are read as formulas where texts differ."""


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
    assert not {Verdict.TIMEOUT, Verdict.CRASHED} & set(verdicts)
    assert verdicts.count(Verdict.TOO_LONG) == 2  # 1818…18 and 2727…27, written until the limit


def test_math_reference_solutions_are_correct_and_each_others_are_not() -> None:
    rows = read("math/test.parquet")
    with AnswerPool() as pool:
        assert set(pool.grade([(row["solution"], row["answer"]) for row in rows])) == {Verdict.CORRECT}
        others = [(row, other) for row, other in pairwise(rows[:300]) if row["answer"] != other["answer"]]
        wrong = pool.grade([(row["solution"], other["answer"]) for row, other in others])
    assert set(wrong) == {Verdict.WRONG}


@pytest.mark.timeout(120)
def test_every_math_reference_equals_itself() -> None:
    """All 5,000 by equal strings already. Here without those: as exact numbers, else by their structure."""
    references = Counter(clean(row["answer"]) for row in read("math/test.parquet"))
    hard = [text for text in references if as_number(text) is None]
    assert all(same(parse(plain(text)), parse(plain(text))) for text in hard)
    assert references.total() == 5000
    assert references.total() - sum(references[text] for text in hard) == NUMBERS


def test_samples_of_a_modern_model_are_graded_as_their_authors_did_but_for_nine() -> None:
    """Eight say 4:30 p.m. as the reference does, of which the authors kept 4:30; one writes 10{,}000 as 10000."""
    rows = read("eval/math100_samples.parquet")
    with AnswerPool() as pool:
        verdicts = pool.grade([(row["response"], row["answer"]) for row in rows])
    differing = Counter(
        (row["answer"], str(verdict))
        for verdict, row in zip(verdicts, rows, strict=True)
        if (verdict is Verdict.CORRECT) != row["is_correct"]
    )
    assert len(rows) == 800
    assert differing == {(r"\text{4:30 p.m.}", "correct"): 8, ("10{,}000", "correct"): 1}
