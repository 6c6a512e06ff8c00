"""The part of a schedule that one worker trains on, and its micro-batches as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import DataError
from skillray.store.tables import Table
from skillray.training.schedule import MicroBatch, deal
from skillray.training.settings import TrainingSettings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch of n rows, right-padded to the longest; causal attention never looks at the padding."""

    input_ids: Tensor
    """[n, length] token ids, 0 behind a row's end."""
    positions: Tensor
    """[kept] positions whose logits are needed by some row."""
    targets: Tensor
    """[n, kept] the next token at each of them."""
    mask: Tensor
    """[n, kept] True where that next token is trained on."""
    weights: Tensor
    """[n] weight of each row in the loss, fp32."""


class Feed:
    """The schedule of a round as micro-batches of one rank. Rows are counted from 0 in the order of (step, slot)."""

    def __init__(self, schedule: pa.Table, examples: pa.Table, settings: TrainingSettings, world_size: int) -> None:
        self.schedule = schedule
        self._settings = settings
        self._world_size = world_size
        self._example_row = _example_rows(schedule, examples)
        self._ids = _Lists(examples["input_ids"])
        self._masks = _Lists(examples["loss_mask"])

    @classmethod
    def open(cls, schedule: str, examples: str, settings: TrainingSettings, world_size: int) -> Feed:
        """Read the tables in the folders `schedule` and `examples`. Raises `TableError` or `DataError`."""
        rows = Table(schedule).read().sort_by([("step", "ascending"), ("slot", "ascending")])
        return cls(rows, Table(examples).read(["example_id", "input_ids", "loss_mask"]), settings, world_size)

    @cached_property
    def num_tokens(self) -> npt.NDArray[np.int64]:
        """[rows] tokens of each row of the schedule, prompt included."""
        return np.asarray(self.schedule["num_tokens"], np.int64)

    @cached_property
    def num_loss_tokens(self) -> npt.NDArray[np.int64]:
        """[rows] tokens of each row that are trained on."""
        return np.asarray(self.schedule["num_loss_tokens"], np.int64)

    @cached_property
    def weight(self) -> npt.NDArray[np.float32]:
        """[rows] weight of each row in the loss."""
        return np.asarray(self.schedule["weight"], np.float32)

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        """[num_steps + 1] first row of each step, then the number of rows."""
        steps = self.schedule["step"].to_numpy()
        return np.searchsorted(steps, np.arange(int(steps[0]), int(steps[-1]) + 2))

    @cached_property
    def first_step(self) -> int:
        """Number of the feed's first step; steps are counted over all segments of a round."""
        return int(self.schedule["step"][0].as_py())

    @property
    def num_steps(self) -> int:
        return len(self._starts) - 1

    def rows(self, step: int) -> slice:
        """Rows of the schedule that step `step` of the round trains on, over all ranks."""
        index = step - self.first_step
        return slice(int(self._starts[index]), int(self._starts[index + 1]))

    def loss_weight(self, step: int) -> float:
        """The divisor of the step's loss: the sum over its rows of weight times loss tokens, over all ranks."""
        rows = self.rows(step)
        return float(self.weight[rows].astype(np.float64) @ self.num_loss_tokens[rows])

    def micro_batches(self, step: int, rank: int) -> list[MicroBatch]:
        """Rows of the schedule in each micro-batch of `rank`, in the order of training."""
        rows = self.rows(step)
        return [slots + rows.start for slots in deal(self.num_tokens[rows], self._settings, self._world_size)[rank]]

    def batch(self, rows: MicroBatch, device: Any) -> Batch:
        """The rows as tensors; no rows make one token without loss, for a worker that has run out of them."""
        if len(rows):
            example_rows = self._example_row[rows]
            ids, masks = self._ids.padded(example_rows, np.int64), self._masks.padded(example_rows, np.bool_)
            weights = self.weight[rows]
            kept = np.flatnonzero(masks[:, 1:].any(axis=0))
        else:
            # Forward and backward are collective under ZeRO 3, so a worker without rows still takes part in them.
            ids, masks = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.bool_)
            weights = np.zeros(1, np.float32)
            kept = np.zeros(1, np.int64)

        # The logits at position i predict token i + 1, so targets and mask are shifted by one.
        targets, trained = ids[:, 1:], masks[:, 1:]
        return Batch(*_tensors(device, ids, kept, targets[:, kept], trained[:, kept], weights))

    def example_ids(self, rows: MicroBatch) -> list[str]:
        """Ids of the rows' examples in hex, for messages."""
        return [self.schedule["example_id"][int(row)].as_py().hex() for row in rows]


class _Lists:
    """A list column without Python objects: 10^6 examples stay two flat arrays."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        whole = column.combine_chunks()
        self._values = pc.list_flatten(whole).to_numpy(zero_copy_only=False)
        self._ends = np.cumsum(pc.list_value_length(whole).to_numpy(), dtype=np.int64)

    def padded(self, indices: npt.NDArray[np.int64], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """The lists at `indices` as one array, [len(indices), longest], with zeros behind a list's end."""
        lists = [self._values[self._ends[i - 1] if i else 0 : self._ends[i]] for i in indices]
        out = np.zeros((len(lists), max(map(len, lists), default=0)), dtype)
        for row, values in zip(out, lists, strict=True):
            row[: len(values)] = values
        return out


def _example_rows(schedule: pa.Table, examples: pa.Table) -> npt.NDArray[np.int64]:
    """[rows of schedule] the row of `examples` that each row of `schedule` trains on."""
    rows = pc.index_in(schedule["example_id"], value_set=examples["example_id"].combine_chunks())
    if rows.null_count:
        missing = schedule["example_id"][pc.index(pc.is_null(rows), True).as_py()].as_py().hex()
        raise DataError(f"schedule: example {missing} is not in examples; run the round's study again")
    return np.asarray(rows, np.int64)


def _tensors(device: Any, *arrays: npt.NDArray[Any]) -> tuple[Tensor, ...]:
    import torch

    return tuple(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays)
