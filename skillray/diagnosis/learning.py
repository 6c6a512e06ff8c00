"""What the losses of training say of each example: how high, how spread, where it began and ended."""

from __future__ import annotations

from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.store.tables import Table

PENDING_ROWS = 1 << 22
"""Rows that wait before they are folded into the result, and some more: a bound on memory."""
_SUMS = (("observations", "sum"), ("total", "sum"), ("squares", "sum"), ("early", "min"), ("late", "max"))
_NAMES = ["example_id", *(name for name, _ in _SUMS)]


def losses_by_example(*learning: Table, before: int | None = None) -> pa.Table:
    """The loss history of every example of LEARNING tables (one a segment), whatever the order of their rows.

    DSA (arXiv 2412.19361; `L^_i` and `sigma^_i` of its dynamic training) averages an example's loss over its epochs.
    Whether its spread is the standard deviation or the variance is not known: this is the standard deviation over
    the observations, divided by their number, as in Dataset Cartography (arXiv 2009.10795, 2). An example that was
    drawn several times in an epoch has as many observations.

    Memory holds the result, one part, and at most `PENDING_ROWS` rows more.

    Args:
        before: the first epoch that does not count; None counts all.

    Returns:
        One row an example, sorted by it: example_id, observations (int64), and in nats mean, std, first and last
        (float64): the losses at its first and last step.
    """
    columns = ["example_id", "step", "loss", *([] if before is None else ["epoch"])]
    folded, pending, waiting = _empty(), [_empty()], 0
    for part in chain.from_iterable(table.iterate(columns) for table in learning):
        if before is not None:
            part = part.filter(pc.less(part["epoch"], before))
        pending.append(_observed(part))
        waiting += part.num_rows
        if waiting >= PENDING_ROWS:
            folded, pending, waiting = _summed(pa.concat_tables([folded, *pending])), [], 0
    return _finished(_summed(pa.concat_tables([folded, *pending])))


def _observed(part: pa.Table) -> pa.Table:
    """Each row as the sums of one observation. In `early` and `late` the step stands above the bits of its loss, so
    that the smallest and the largest carry the first and the last loss; copies in one step have one loss.
    """
    loss = part["loss"].to_numpy()
    dated = (part["step"].to_numpy().astype(np.int64) << 32) | loss.view(np.uint32)
    total = loss.astype(np.float64)
    columns = [part["example_id"], np.ones(len(loss), np.int64), total, total * total, dated, dated]
    return pa.table(columns, names=_NAMES)


def _summed(rows: pa.Table) -> pa.Table:
    # One thread adds in the order of the rows: sums of floats, and with them a category, depend on it.
    return rows.group_by("example_id", use_threads=False).aggregate(list(_SUMS)).rename_columns(_NAMES)


def _empty() -> pa.Table:
    types = [pa.binary(16), pa.int64(), pa.float64(), pa.float64(), pa.int64(), pa.int64()]
    return pa.schema(list(zip(_NAMES, types, strict=True))).empty_table()


def _finished(rows: pa.Table) -> pa.Table:
    rows = rows.sort_by("example_id")
    count, total, squares, early, late = (rows[name].to_numpy() for name, _ in _SUMS)
    mean = total / count
    columns = {
        "example_id": rows["example_id"],
        "observations": count,
        "mean": mean,
        # Double precision: equal losses come out as a spread of at most 1e-7 of their mean, not as one of 0.
        "std": np.sqrt(np.maximum(squares / count - mean * mean, 0.0)),
        "first": _undated(early),
        "last": _undated(late),
    }
    return pa.table(columns)


def _undated(dated: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return (dated & 0xFFFFFFFF).astype(np.uint32).view(np.float32).astype(np.float64)
