"""The exact schedule of a round: which example is in which step, dealt to workers and micro-batches. Pure."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import DataError
from skillray.store.schemas import SCHEDULE
from skillray.training.settings import TrainingSettings
from skillray.types import seed_for

Indices = npt.NDArray[np.int64]
MicroBatch = Indices
"""Slots of one step that go through a worker's model together; empty for a worker that has run out of rows."""


def make_schedule(examples: pa.Table, settings: TrainingSettings, seed: int) -> pa.Table:
    """Rows of the SCHEDULE schema in the order of (step, slot).

    An epoch is all examples, each as often as its multiplicity, by their units and in a seeded shuffle within one. The
    epochs make one stream that is cut into steps of `batch_size`: a step may cross from one epoch to the next, and only
    the last step of all may be shorter (our choice: no small, noisy step at each epoch's end). With `max_tokens` epochs
    repeat until the step that reaches it, and every step is whole.

    Args:
        examples: columns example_id, num_tokens, num_loss_tokens, multiplicity, weight and unit, one row an example.

    Raises:
        DataError: no examples, one without loss tokens, or a weight that is not positive and finite.
    """
    num_tokens, unit = (examples[name].to_numpy() for name in ("num_tokens", "unit"))
    copies = _copies(examples)
    epochs = _epochs(int(num_tokens[copies].sum()), len(copies), settings)
    chosen = np.concatenate([_epoch(copies, unit, seed, epoch) for epoch in range(epochs)])
    chosen = chosen[: _rows(num_tokens[chosen], settings)]
    position, size = np.arange(len(chosen)), settings.batch_size
    return _rows_of(examples, chosen, position // len(copies), position // size, position % size)


def make_segment(
    examples: pa.Table, settings: TrainingSettings, seed: int, index: int, first: pa.Table | None
) -> pa.Table:
    """The schedule of segment `index` of a round whose segments are epochs; as `make_schedule`, but for:

    The first segment is one pass, over steps that are as long as each other. A later one has its steps, whatever became
    of the examples: passes are repeated or cut. It has at most its tokens, too, unless a row a step is more: steps have
    fewer rows where these are longer, and never more than `batch_size`, where they are shorter. So examples that change
    cost no more than the same ones unchanged. Steps are counted over all segments.

    Args:
        first: of the first segment's schedule step and num_tokens; None: this is it.
    """
    copies, unit = _copies(examples), examples["unit"].to_numpy()
    if first is None:
        chosen, steps = _epoch(copies, unit, seed, index), math.ceil(len(copies) / settings.batch_size)
    else:
        steps = int(pc.max(first["step"]).as_py()) + 1
        drawn = _passes(copies, seed, index, steps * settings.batch_size)
        reached = np.cumsum(examples["num_tokens"].to_numpy()[drawn], dtype=np.int64)
        fitting = int(np.searchsorted(reached, pc.sum(first["num_tokens"]).as_py(), side="right"))
        drawn = drawn[: max(steps, fitting)]
        chosen = drawn[np.lexsort((unit[drawn], np.arange(len(drawn)) // len(copies)))]
    step = np.arange(len(chosen)) * steps // len(chosen)
    slot = np.arange(len(chosen)) - np.searchsorted(step, step)
    return _rows_of(examples, chosen, np.full(len(chosen), index), step + index * steps, slot)


def micro_batches_per_step(settings: TrainingSettings, world_size: int) -> int:
    """Accumulation steps: enough for a whole step, on every worker."""
    return math.ceil(settings.batch_size / (world_size * settings.micro_batch_size))


def deal(num_tokens: Indices, settings: TrainingSettings, world_size: int) -> list[list[MicroBatch]]:
    """The micro-batches of each worker, for one step.

    Rows are dealt in the order of their length (then slot), so that a micro-batch holds rows of about one length and
    little padding, and workers get about the same number of tokens. All workers get equally many micro-batches.

    Args:
        num_tokens: of the step's rows, by slot.

    Returns:
        For each rank a list of arrays of slots.
    """
    order = np.argsort(num_tokens, kind="stable")
    count, size = micro_batches_per_step(settings, world_size), settings.micro_batch_size
    hands = [order[rank::world_size] for rank in range(world_size)]
    return [[hand[i * size : (i + 1) * size] for i in range(count)] for hand in hands]


def lr_at(step: int, total: int, settings: TrainingSettings) -> float:
    """Learning rate of `step` (0-based) of `total`: linear warm-up, then a cosine to 0 or constant.

    STAT names a cosine and 3% warm-up (arXiv 2510.10023, C.1). It is silent on the ends: we give the first step
    1/warm-up of the peak and not nothing, and reach 0 one step after the last.
    """
    warmup = math.ceil(settings.warmup * total)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _copies(examples: pa.Table) -> Indices:
    """Rows of `examples`, each as often as its multiplicity."""
    _check(examples["num_loss_tokens"].to_numpy(), examples["weight"].to_numpy())
    copies = np.repeat(np.arange(examples.num_rows), examples["multiplicity"].to_numpy())
    if not len(copies):
        raise DataError("examples: there is nothing to train on; the orders were not fulfilled")
    return copies


def _rows_of(examples: pa.Table, chosen: Indices, epoch: Indices, step: Indices, slot: Indices) -> pa.Table:
    """SCHEDULE rows of the chosen examples."""
    taken = examples.select(["example_id", "weight", "num_loss_tokens", "num_tokens"]).take(pa.array(chosen))
    columns = {"epoch": epoch, "step": step, "slot": slot}
    return pa.table(columns | {name: taken[name] for name in taken.column_names}).cast(SCHEDULE)


def _check(num_loss_tokens: npt.NDArray[np.int32], weight: npt.NDArray[np.float32]) -> None:
    """`DataError` for the first example without loss tokens, or with a weight that is not positive and finite."""
    empty, wrong = num_loss_tokens < 1, ~(np.isfinite(weight) & (weight > 0))
    if empty.any():
        raise DataError(f"examples: row {np.argmax(empty)} has no loss tokens; remove it")
    if wrong.any():
        row = np.argmax(wrong)
        raise DataError(f"examples: row {row} has weight {weight[row]}; it must be positive and finite")


def _epochs(epoch_tokens: int, epoch_rows: int, settings: TrainingSettings) -> int:
    """Passes to draw; for a token budget enough to reach it and to fill the step that does."""
    if settings.max_tokens is None:
        return settings.epochs
    return math.ceil(settings.max_tokens / epoch_tokens) + math.ceil(settings.batch_size / epoch_rows)


def _rows(num_tokens: npt.NDArray[np.int32], settings: TrainingSettings) -> int:
    """Rows of the stream to keep: all, or whole steps up to the one that reaches the token budget."""
    if settings.max_tokens is None:
        return len(num_tokens)
    reached = int(np.searchsorted(np.cumsum(num_tokens, dtype=np.int64), settings.max_tokens))
    return (reached // settings.batch_size + 1) * settings.batch_size


def _epoch(copies: Indices, unit: npt.NDArray[np.int32], seed: int, epoch: int) -> Indices:
    """One pass over `copies`: by units, and in a seeded shuffle within each, which the stable sort keeps."""
    shuffled = _shuffled(copies, seed, epoch)
    return shuffled[np.argsort(unit[shuffled], kind="stable")]


def _passes(copies: Indices, seed: int, epoch: int, rows: int) -> Indices:
    """`rows` of as many passes as they need, each in another shuffle and in no order of units: a cut is a fair draw."""
    seeds = [seed, *(seed_for("pass", seed, number) for number in range(1, math.ceil(rows / len(copies))))]
    return np.concatenate([_shuffled(copies, own, epoch) for own in seeds])[:rows]


def _shuffled(copies: Indices, seed: int, epoch: int) -> Indices:
    return np.random.default_rng(seed_for("schedule", seed, epoch)).permutation(copies)
