"""Which pool questions are most like each difficult one: parts of the pool find theirs, the best of all are kept.

pool embeddings ──> Nearest (a unit at a time) ──> candidates ──> nearest_of ──> neighbours
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.store.ids import as_arrow, as_numpy
from skillray.store.schemas import ID, NEIGHBOURS
from skillray.store.tables import Table
from skillray.types import Id


@dataclass(frozen=True)
class Nearest:
    """Stage: embeddings of pool questions to candidates (NEIGHBOURS schema), a row for each difficult question.

    A worker holds the vectors of the difficult questions and of one unit of the pool.
    """

    profile: str
    """Folder of the embeddings of the profile questions."""
    chosen: frozenset[Id]
    """The difficult ones."""
    count: int

    def open(self) -> Callable[[pa.Table], pa.Table]:
        wanted = pa.array(sorted(self.chosen), ID)
        parts = [part.filter(pc.is_in(part["question_id"], value_set=wanted)) for part in Table(self.profile).iterate()]
        asked = pa.concat_tables(parts).sort_by("question_id").combine_chunks()
        asked_DH = _vectors(asked)

        def nearest(pool: pa.Table) -> pa.Table:
            if not asked.num_rows:
                return NEIGHBOURS.empty_table()
            similar_DN = asked_DH @ _vectors(pool).T
            # Stable: of equals the pool's first. 4,096 pool questions for each of 500 take .2 s.
            best_DK = np.argsort(-similar_DN, axis=1, kind="stable")[:, : self.count]
            similarities = np.take_along_axis(similar_DN, best_DK, axis=1).reshape(-1)
            owners = asked["question_id"].combine_chunks()
            return _rows(owners, pool["question_id"].take(pa.array(best_DK.reshape(-1))), similarities)

        return nearest


def nearest_of(candidates: Table, count: int) -> pa.Table:
    """NEIGHBOURS rows, one for each question: the `count` most similar of all its candidates."""
    rows = candidates.read().combine_chunks()
    if not rows.num_rows:
        return rows
    places = pc.list_parent_indices(rows["nearest"]).to_numpy()
    owners, owner = np.unique(as_numpy(rows["question_id"])[places], return_inverse=True)
    similarities = pc.list_flatten(rows["similarity"]).to_numpy()
    order = np.lexsort((np.arange(len(places)), -similarities, owner))  # by question, then the most similar
    rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    best = order[rank < count]
    return _rows(as_arrow(owners), pc.list_flatten(rows["nearest"]).take(pa.array(best)), similarities[best])


def _rows(owners: pa.Array, nearest: pa.ChunkedArray, similarities: npt.NDArray[np.float32]) -> pa.Table:
    """Equally many neighbours for each owner."""
    offsets = pa.array(np.arange(len(owners) + 1, dtype=np.int32) * (len(similarities) // len(owners)))
    columns = {
        "question_id": owners,
        "nearest": pa.ListArray.from_arrays(offsets, nearest.combine_chunks()),
        "similarity": pa.ListArray.from_arrays(offsets, pa.array(similarities, pa.float32())),
    }
    return pa.table(columns, schema=NEIGHBOURS)


def _vectors(embeddings: pa.Table) -> npt.NDArray[np.float32]:
    flat: npt.NDArray[np.float32] = pc.list_flatten(embeddings["vector"]).to_numpy()
    return flat.reshape(embeddings.num_rows, -1) if embeddings.num_rows else flat
