"""Columns of ids as flat memory: a million are 16 MB and no Python objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skillray.store.schemas import ID

NumpyIds = npt.NDArray[np.void]
"""[n] of 16 bytes, which compare and sort as the ids do."""


def as_numpy(column: pa.ChunkedArray) -> NumpyIds:
    """The ids of a column without nulls; nothing is copied when it has one chunk."""
    whole = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return np.frombuffer(whole.buffers()[1], "V16", len(whole), 16 * whole.offset) if len(whole) else np.empty(0, "V16")


def as_arrow(ids: NumpyIds) -> pa.FixedSizeBinaryArray:
    return pa.FixedSizeBinaryArray.from_buffers(ID, len(ids), [None, pa.py_buffer(np.ascontiguousarray(ids))])
