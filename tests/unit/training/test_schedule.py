from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skillray.errors import DataError
from skillray.store.schemas import SCHEDULE
from skillray.training.schedule import deal, lr_at, make_schedule, make_segment
from skillray.training.settings import TrainingSettings
from skillray.types import content_id


def examples(
    num_tokens: list[int],
    multiplicity: list[int] | None = None,
    weight: list[float] | None = None,
    unit: list[int] | None = None,
) -> Any:
    count = len(num_tokens)
    return pa.table(
        {
            "example_id": pa.array([content_id(i) for i in range(count)], pa.binary(16)),
            "num_tokens": pa.array(num_tokens, pa.int32()),
            "num_loss_tokens": pa.array([n // 2 for n in num_tokens], pa.int32()),
            "multiplicity": pa.array(multiplicity or [1] * count, pa.int32()),
            "unit": pa.array(unit or [0] * count, pa.int32()),
            "weight": pa.array(weight or [1.0] * count, pa.float32()),
        }
    )


def test_epochs_are_one_stream_of_whole_steps_and_a_short_last_one() -> None:
    table = examples([10, 20, 30], multiplicity=[1, 2, 1])
    schedule = make_schedule(table, TrainingSettings(epochs=3, batch_size=5), seed=0)
    assert schedule.schema == SCHEDULE
    assert schedule["step"].to_pylist() == [0] * 5 + [1] * 5 + [2] * 2  # 3 epochs of 4 rows
    assert schedule["slot"].to_pylist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert schedule["epoch"].to_pylist() == [0] * 4 + [1] * 4 + [2] * 4
    for epoch in range(3):
        lengths = schedule["num_tokens"].to_pylist()[4 * epoch : 4 * epoch + 4]
        assert sorted(lengths) == [10, 20, 20, 30]


def test_a_row_carries_what_its_example_has() -> None:
    table = examples([10, 20, 30], weight=[1.0, 2.0, 3.0])
    for row in make_schedule(table, TrainingSettings(epochs=1), seed=1).to_pylist():
        i = [content_id(n) for n in range(3)].index(row["example_id"])
        assert (row["num_tokens"], row["num_loss_tokens"], row["weight"]) == (10 * (i + 1), 5 * (i + 1), i + 1.0)


def test_a_first_segment_is_one_pass_over_steps_of_one_length() -> None:
    schedule = make_segment(examples([10] * 10), TrainingSettings(batch_size=4), seed=0, index=0, first=None)
    assert schedule.schema == SCHEDULE
    assert schedule["step"].to_pylist() == [0] * 4 + [1] * 3 + [2] * 3
    assert schedule["slot"].to_pylist() == [0, 1, 2, 3, 0, 1, 2, 0, 1, 2]
    assert sorted(schedule["example_id"].to_pylist()) == sorted(content_id(n) for n in range(10))


@pytest.mark.parametrize(
    ("num_tokens", "rows"),
    [
        ([10] * 10, 10),
        ([20] * 10, 5),  # 100 tokens, in three steps all the same
        ([10] * 3, 10),  # fewer examples: three passes and one more row
        ([5] * 30, 12),  # no step has more than its four rows
        ([90] * 10, 3),  # nor less than one
    ],
)
def test_a_later_segment_has_the_steps_and_at_most_the_tokens_of_the_first(num_tokens: list[int], rows: int) -> None:
    settings = TrainingSettings(batch_size=4)
    first = make_segment(examples([10] * 10), settings, seed=0, index=0, first=None)
    schedule = make_segment(examples(num_tokens), settings, seed=0, index=2, first=first)
    assert schedule.num_rows == rows
    assert sorted(set(schedule["step"].to_pylist())) == [6, 7, 8]
    assert set(schedule["epoch"].to_pylist()) == {2}
    counts = np.bincount(schedule["step"].to_numpy())[6:]
    assert max(counts) <= 4 and max(counts) - min(counts) <= 1
    if rows > 3:
        assert sum(schedule["num_tokens"].to_pylist()) <= 100


def test_what_is_left_out_of_a_segment_is_of_all_units_alike() -> None:
    """Were the last of a pass cut, it would be the last units, in every epoch."""
    settings, units = TrainingSettings(batch_size=10), [0] * 50 + [1] * 50
    first = make_segment(examples([10] * 100, unit=units), settings, seed=0, index=0, first=None)
    longer = examples([20] * 100, unit=units)
    taken = [make_segment(longer, settings, 0, index, first)["example_id"].to_pylist() for index in range(1, 9)]
    early = {content_id(n) for n in range(50)}
    shares = [sum(one in early for one in ids) / 50 for ids in taken]
    assert all(len(ids) == len(set(ids)) == 50 for ids in taken)
    assert 0.4 < sum(shares) / 8 < 0.6  # 400 draws of a half: over four standard deviations
    for ids in taken:
        order = [one not in early for one in ids]
        assert order == sorted(order)  # prerequisites first


@pytest.mark.parametrize(
    ("max_tokens", "steps"),
    [(1, 1), (40, 1), (41, 2), (80, 2), (81, 3), (1000, 25)],  # every step has 4 rows of 10 tokens
)
def test_a_token_budget_ends_with_the_step_that_reaches_it(max_tokens: int, steps: int) -> None:
    schedule = make_schedule(examples([10] * 3), TrainingSettings(max_tokens=max_tokens, batch_size=4), seed=0)
    assert schedule.num_rows == 4 * steps


def test_order_is_a_function_of_the_seed_and_differs_between_epochs() -> None:
    table, settings = examples(list(range(2, 102))), TrainingSettings(epochs=2, batch_size=10)
    first, again, other = (make_schedule(table, settings, seed)["num_tokens"].to_pylist() for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert first[:100] != first[100:]


@pytest.mark.parametrize("table", [examples([]), examples([10], multiplicity=[0]), examples([10, 1])])
def test_nothing_to_train_on_is_refused(table: pa.Table) -> None:
    with pytest.raises(DataError, match=r"^examples: .*(nothing to train on|row 1 has no loss tokens)"):
        make_schedule(table, TrainingSettings(), seed=0)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_cannot_be_a_weight_is_refused(weight: float) -> None:
    with pytest.raises(DataError, match=r"^examples: row 1 has weight"):
        make_schedule(examples([10, 10], weight=[1.0, weight]), TrainingSettings(), seed=0)


def test_an_epoch_goes_by_units_and_is_shuffled_within_one() -> None:
    table = examples([10] * 12, unit=[2, 0, 1] * 4)
    schedule = make_schedule(table, TrainingSettings(epochs=2, batch_size=4), seed=0)
    order = [table["example_id"].to_pylist().index(example) for example in schedule["example_id"].to_pylist()]
    assert [place % 3 for place in order] == [1] * 4 + [2] * 4 + [0] * 4 + [1] * 4 + [2] * 4 + [0] * 4
    assert order[:12] != order[12:]


def test_a_million_examples_take_seconds() -> None:
    count = 10**6
    buffer = pa.py_buffer(np.arange(2 * count).tobytes())
    ids = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, buffer])
    ints, ones = pa.array(np.full(count, 9, np.int32)), pa.array(np.ones(count, np.int32))
    names = ["example_id", "num_tokens", "num_loss_tokens", "multiplicity", "weight", "unit"]
    table = pa.table([ids, ints, ints, ones, ones.cast(pa.float32()), ones], names=names)
    start = time.process_time()
    assert make_schedule(table, TrainingSettings(epochs=1), seed=0).num_rows == count
    assert time.process_time() - start < 5.0


def test_rows_are_dealt_by_length_and_all_workers_get_equally_many_micro_batches() -> None:
    settings = TrainingSettings(batch_size=6, micro_batch_size=2)
    lengths = np.array([50, 10, 40, 20, 30, 60])  # order by length: slots 1 3 4 2 0 5
    hands = deal(lengths, settings, world_size=2)
    assert [[list(batch) for batch in hand] for hand in hands] == [[[1, 4], [0]], [[3, 2], [5]]]


def test_a_short_step_leaves_empty_micro_batches() -> None:
    settings = TrainingSettings(batch_size=6, micro_batch_size=2)
    hands = deal(np.array([10]), settings, world_size=2)
    assert [[list(batch) for batch in hand] for hand in hands] == [[[0], []], [[], []]]


def test_learning_rate_warms_up_then_falls_along_a_cosine() -> None:
    settings = TrainingSettings(learning_rate=1.0, warmup=0.2)
    rates = [lr_at(step, 10, settings) for step in range(10)]
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])  # two steps of warm-up; the cosine starts at its peak
    assert rates[6] == pytest.approx(0.5)  # half of the other eight steps: cos(pi / 2) = 0
    assert rates[9] == pytest.approx(0.5 * (1 - 0.9238795))  # 7/8 of pi
    assert sorted(rates[2:], reverse=True) == rates[2:]


def test_learning_rate_can_stay() -> None:
    settings = TrainingSettings(learning_rate=1.0, warmup=0.0, schedule="constant")
    assert [lr_at(step, 3, settings) for step in range(3)] == [1.0, 1.0, 1.0]
