"""Answers to evaluation sets: verdicts, and votes for majorities."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.evaluation.samples import Metric, values_of
from skillray.loop.grade_answers import GradeAnswers, votes_of
from skillray.store.schemas import ROLLOUTS
from skillray.types import content_id


def same(some: str, other: str) -> bool:
    return float(some) == float(other)


def test_equal_answers_vote_together_and_right_ones_without_a_comparison() -> None:
    answers = ["2", "3", None, "3.0", "2.0", "4"]
    assert votes_of(answers, [True, False, False, False, True, False], same) == [0, 1, None, 1, 0, 5]


def test_a_wrong_text_is_compared_once() -> None:
    asked: list[tuple[str, str]] = []

    def noted(some: str, other: str) -> bool:
        asked.append((some, other))
        return same(some, other)

    votes_of(["3", "3", "4", "3", "4"], [False] * 5, noted)
    assert asked == [("4", "3")]


def rollouts(rows: list[tuple[str, int, str, str]]) -> pa.Table:
    made = [
        {"question_id": content_id(question), "question": question, "answer": answer, "solution": "", "skills": []}
        | {"split": "x", "sample": sample, "response": response, "num_tokens": 1, "finished": True}
        for question, sample, answer, response in rows
    ]
    return pa.Table.from_pylist(made, schema=ROLLOUTS)


def test_the_stage_grades_and_votes_by_question() -> None:
    asked = [
        ("a", 0, "1/2", r"\boxed{0.5}"),
        ("a", 1, "1/2", r"\boxed{3}"),
        ("b", 0, "7", r"\boxed{7}"),
        ("b", 1, "7", "?"),
    ]
    found = GradeAnswers(timeout_s=5.0, votes=True).open()(rollouts(asked)).to_pylist()
    assert [(row["correct"], row["vote"]) for row in found] == [(True, 0), (False, 1), (True, 0), (False, None)]
    plain = GradeAnswers(timeout_s=5.0, votes=False).open()(rollouts(asked)).to_pylist()
    assert [row["vote"] for row in plain] == [None] * 4


def test_majorities_of_real_samples_by_our_own_verdicts(shared_data: Path) -> None:
    path = shared_data / "eval" / "math100_samples.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    samples = pq.read_table(path).slice(0, 160).to_pylist()  # 20 questions
    asked = [(row["question"], row["sample"], row["answer"], row["response"]) for row in samples]
    graded = GradeAnswers(timeout_s=5.0, votes=True).open()(rollouts(asked))
    found = {name: values_of(graded, Metric.named(name)).mean for name in ("avg@8", "maj@8", "pass@8")}
    # Of 4:30 p.m. the authors kept 4:30, and called all eight samples that say so wrong.
    theirs = sum(row["is_correct"] or row["answer"] == r"\text{4:30 p.m.}" for row in samples) / 160
    assert found["avg@8"] == pytest.approx(theirs, abs=4 / 160) and found["avg@8"] <= found["maj@8"] <= found["pass@8"]
