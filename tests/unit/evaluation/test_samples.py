"""avg@k, pass@k and maj@k by hand, by counting every draw, and on real samples of a modern model."""

from __future__ import annotations

from itertools import combinations
from math import comb
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillray.errors import DataError
from skillray.evaluation.samples import Metric, maj_at_k, mean_of, only, pass_at_k, values_of
from skillray.types import content_id


def test_pass_at_k_by_hand() -> None:
    # 3 of 10 right: two draws miss with 7/10 * 6/9 = 42/90.
    assert pass_at_k(10, 3, 2) == pytest.approx(1 - 42 / 90)
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert (pass_at_k(10, 0, 10), pass_at_k(10, 1, 10), pass_at_k(10, 8, 3)) == (0.0, 1.0, 1.0)
    # 1 - (1 - c/n)^k, which many write instead, is biased: it would say .51 of two draws.
    assert pass_at_k(10, 3, 2) > 1 - 0.7**2


def test_pass_at_64_of_many_samples_does_not_overflow() -> None:
    assert pass_at_k(1024, 1, 64) == pytest.approx(64 / 1024)


def test_majority_by_hand() -> None:
    # Votes a a b, a is right. Two of three: aa (1 draw) wins; ab (2 draws) ties, half of it is right: (1 + 2/2) / 3.
    assert maj_at_k([True, True, False], [0, 0, 2], 2) == pytest.approx(2 / 3)
    assert maj_at_k([True, True, False], [0, 0, 2], 3) == 1.0
    assert maj_at_k([True, True, False], [0, 0, 2], 1) == pytest.approx(2 / 3)
    # Three different answers, one right: a tie of three.
    assert maj_at_k([False, True, False], [0, 1, 2], 3) == pytest.approx(1 / 3)


def test_who_gives_no_answer_does_not_vote() -> None:
    assert maj_at_k([True, False, False], [0, None, None], 3) == 1.0
    assert maj_at_k([True, False, False], [0, None, None], 1) == pytest.approx(1 / 3)  # two draws of nobody are wrong
    assert maj_at_k([False, False], [None, None], 2) == 0.0


def by_counting(correct: list[bool], votes: list[int | None], k: int) -> float:
    """Every draw, one after the other."""
    total = 0.0
    for draw in combinations(range(len(votes)), k):
        cast = [votes[place] for place in draw if votes[place] is not None]
        most = max((cast.count(vote) for vote in cast), default=0)
        winners = {vote for vote in cast if cast.count(vote) == most}
        right = [vote for vote in winners if correct[votes.index(vote)]]
        total += len(right) / len(winners) if winners else 0.0
    return total / comb(len(votes), k)


@given(st.lists(st.sampled_from([None, 0, 1, 2, 3]), min_size=1, max_size=8), st.sets(st.integers(0, 3)), st.data())
def test_majority_is_what_counting_every_draw_gives(votes, right, data) -> None:
    correct = [vote in right for vote in votes]
    k = data.draw(st.integers(1, len(votes)))
    assert maj_at_k(correct, votes, k) == pytest.approx(by_counting(correct, votes, k))


@given(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=1, max_size=12), st.integers(0, 2))
def test_one_draw_is_the_average_whatever_the_metric(votes, right) -> None:
    correct = [vote == right for vote in votes]
    expected = sum(correct) / len(votes)
    assert [Metric.named(f"{kind}@1").of(correct, votes) for kind in ("avg", "pass", "maj")] == pytest.approx(
        [expected] * 3
    )


def test_64_different_answers_are_no_long_work() -> None:
    # Nobody agrees: every answer wins equally often, so 5 right ones of 64 win in 5 draws of 64.
    assert maj_at_k([place < 5 for place in range(64)], list(range(64)), 32) == pytest.approx(5 / 64)


def test_values_are_by_question_and_their_order_is_by_id() -> None:
    a, b = sorted([content_id("a"), content_id("b")])
    rows = pa.table({"question_id": [b, a, b, a], "correct": [True, False, False, False], "vote": [0, 0, 1, 1]})
    values = values_of(rows, Metric.named("avg@2"))
    assert (values.question_ids, values.values_Q.tolist(), values.mean) == ((a, b), [0.0, 0.5], 0.25)
    assert only(values, frozenset([b])).mean == 0.5
    with pytest.raises(DataError, match="pass@3 needs 3 samples a question; there are 2"):
        values_of(rows, Metric.named("pass@3"))
    with pytest.raises(DataError, match="no rows"):
        _ = only(values, frozenset()).mean


@pytest.mark.parametrize("name", ["pass", "pass@0", "pass@-1", "best@4", "avg@1.5", "pass@64 "])
def test_a_metric_has_a_kind_and_a_number(name: str) -> None:
    with pytest.raises(DataError, match="write avg@K, pass@K or maj@K"):
        Metric.named(name)
    assert str(Metric.named("pass@64")) == "pass@64"


def test_the_mean_of_a_table_is_over_all_its_columns() -> None:
    # STAT-Syn on Llama-3.2-3B-Instruct, Table 1: MATH, MATH^D, MATH^2, GSM8K, AMC23, P-simple, P-hard, AIME24, AIME25.
    printed = dict(enumerate([50.2, 31.7, 26.2, 79.2, 23.9, 39.1, 14.7, 40.0, 30.0]))
    mean = mean_of({str(place): value for place, value in printed.items()})
    assert mean is not None and round(mean, 1) == 37.2
    assert mean_of({"a": 1.0, "b": None}) is None and mean_of({}) is None


def test_on_800_samples_of_a_modern_model(shared_data: Path) -> None:
    path = shared_data / "eval" / "math100_samples.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    rows = pq.read_table(path, columns=["question_id", "sample", "prediction", "is_correct"]).to_pylist()
    ids = [content_id(row["question_id"]) for row in rows]
    answers = {text: number for number, text in enumerate(sorted({row["prediction"] for row in rows}))}
    votes = [answers[row["prediction"]] if row["prediction"] else None for row in rows]
    table = pa.table({"question_id": ids, "correct": [row["is_correct"] for row in rows], "vote": votes})
    found = {name: values_of(table, Metric.named(name)).mean for name in ("avg@8", "pass@1", "pass@8", "maj@8")}
    any_right = {row["question_id"] for row in rows if row["is_correct"]}
    assert found["avg@8"] == pytest.approx(sum(row["is_correct"] for row in rows) / 800)
    assert found["pass@1"] == pytest.approx(found["avg@8"]) and found["pass@8"] == pytest.approx(len(any_right) / 100)
    curve = [values_of(table, Metric.named(f"pass@{k}")).mean for k in range(1, 9)]
    assert curve == sorted(curve)
    assert found["avg@8"] < found["maj@8"] < found["pass@8"]
