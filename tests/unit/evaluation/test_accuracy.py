"""Accuracies, their intervals and the paired comparison, by hand."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from skillray.errors import DataError
from skillray.evaluation.accuracy import accuracy_of, by_column, compare
from skillray.types import content_id


def scores(rows: list[tuple[str, list[str], bool]]) -> pa.Table:
    """(question, skills, correct), one row a sample."""
    return pa.table(
        {
            "question_id": pa.array([content_id(name) for name, _, _ in rows], pa.binary(16)),
            "skills": pa.array([skills for _, skills, _ in rows], pa.list_(pa.string())),
            "correct": pa.array([correct for _, _, correct in rows], pa.bool_()),
        }
    )


def many(num_right: int, num: int, skill: str = "sum") -> pa.Table:
    return scores([(f"{skill}{i}", [skill], i < num_right) for i in range(num)])


def test_wilson_interval() -> None:
    # 8 of 10, z = 1.96: centre (8 + z^2/2) / (10 + z^2) = 9.9208 / 13.8416 = .7167,
    # half width z / (10 + z^2) * sqrt(10 * .8 * .2 + z^2 / 4) = .14160 * sqrt(2.5604) = .2266
    overall = accuracy_of(many(8, 10)).overall
    assert (overall.accuracy, overall.num_questions) == (0.8, 10)
    assert overall.low == pytest.approx(0.7167 - 0.2266, abs=2e-4)
    assert overall.high == pytest.approx(0.7167 + 0.2266, abs=2e-4)


def test_a_question_counts_for_each_of_its_skills_and_samples_are_averaged_first() -> None:
    found = accuracy_of(
        scores(
            [
                ("a", ["sum", "carry"], True),
                ("a", ["sum", "carry"], False),  # a: 1/2
                ("b", ["sum"], True),  # b: 1
                ("c", ["product", "sum"], False),  # c: 0
                ("d", [], True),  # unmapped: overall only
            ]
        )
    )
    assert found.overall.accuracy == (0.5 + 1 + 0 + 1) / 4
    assert {skill: (s.accuracy, s.num_questions) for skill, s in found.by_skill.items()} == {
        "carry": (0.5, 1),
        "product": (0.0, 1),
        "sum": (0.5, 3),  # a, b and c: (1/2 + 1 + 0) / 3
    }
    assert json.loads(json.dumps(found.to_json()))["by_skill"]["sum"]["accuracy"] == 0.5


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        accuracy_of(scores([]))


def test_comparison_is_paired() -> None:
    before = scores([(str(i), ["sum"], i < 50) for i in range(100)])  # right: 0..49
    after = scores([(str(i), ["sum"], 2 <= i < 62) for i in reversed(range(100))])  # loses 0, 1; wins 50..61
    found = compare(before, after)
    assert (found.difference, found.wins, found.losses, found.num_questions) == (0.10, 12, 2, 100)
    # Exact McNemar: 2 * P(Binomial(14, 1/2) <= 2) = 2 * (1 + 14 + 91) / 2^14 = .012939
    assert found.p_value == pytest.approx(212 / 16384)
    # sd of the mean: sqrt((14 / 100 - .1^2) / 100) = .0361, so about .10 -+ .071
    assert found.low == pytest.approx(0.03, abs=0.015) and found.high == pytest.approx(0.17, abs=0.015)
    assert found == compare(before, after) and json.loads(json.dumps(found.to_json()))["wins"] == 12


def test_comparison_turns_its_sign() -> None:
    before, after = many(5, 10), many(8, 10)
    assert compare(after, before).difference == -compare(before, after).difference == -0.3


def test_equal_tables_do_not_differ() -> None:
    found = compare(many(5, 10), many(5, 10))
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_other_questions_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="different questions"):
        compare(many(5, 10), many(5, 11))
    with pytest.raises(DataError, match="different questions"):
        compare(many(5, 10), many(5, 10, "product"))


def test_by_subject_and_difficulty() -> None:
    rows = scores([("a", [], True), ("a", [], False), ("b", [], True), ("c", [], False)])
    subjects = pa.array(["algebra", "algebra", "algebra", None], pa.string())
    rows = rows.append_column("subject", subjects).append_column("difficult", pa.array([True, True, False, True]))
    right, hard = by_column(rows, "subject", "correct"), by_column(rows, "subject", "difficult")
    assert {name: (one.accuracy, one.num_questions) for name, one in right.items()} == {"algebra": (0.75, 2)}
    assert {name: (one.accuracy, one.num_questions) for name, one in hard.items()} == {"algebra": (0.5, 2)}
