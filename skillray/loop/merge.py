"""Merge: drafts to examples, one row for each (question, response), nothing that is held out. Memory holds one part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import WRITTEN
from skillray.store.ids import as_numpy
from skillray.store.tables import PART_ROWS, Table

OUTLINE = ("example_id", "question_id", "origin", "multiplicity", "input_ids")
Column = npt.NDArray[Any]


def merge(
    drafts: Sequence[Table], forbidden: pa.Array, max_length: int, target: int | None
) -> tuple[Iterator[pa.Table], dict[str, float]]:
    """The parts of the examples table, multiplicities added up; and what became of the draws, counted.

    `forbidden` are the ids of profile and held-out questions: no stage may train on them. Of what a teacher wrote at
    most `target` rows are kept, the ones with the smallest content ids, which is a uniform choice.
    """
    outline = pa.concat_tables([_outline(part) for table in drafts for part in table.iterate(OUTLINE)])
    drawn = outline["multiplicity"].to_numpy().astype(np.int64)
    held_out = pc.is_in(outline["question_id"], value_set=forbidden).to_numpy()
    too_long = (outline["length"].to_numpy() > max_length) & ~held_out
    examples = _distinct(outline, np.flatnonzero(~held_out & ~too_long))
    surplus = np.flatnonzero(examples.written)[target:] if target is not None else np.empty(0, np.int64)
    wanted = np.zeros(outline.num_rows, np.int32)
    wanted[examples.row] = examples.multiplicity
    wanted[examples.row[surplus]] = 0
    counts: dict[str, float] = {
        "drafts_new": len(examples.row),
        "drafts_repeated": int(drawn[~held_out & ~too_long].sum()) - len(examples.row),
        "drafts_held_out": int(drawn[held_out].sum()),
        "drafts_too_long": int(drawn[too_long].sum()),
    }
    counts = {name: count for name, count in counts.items() if count}
    if written := int(examples.written.sum()):
        counts |= {"written": written, "surplus": len(surplus)}
    return _in_parts(_kept(drafts, wanted)), counts


def ids_of(tables: Sequence[Table]) -> pa.Array:
    """Every question_id of `tables`."""
    return pa.concat_tables([table.read(["question_id"]) for table in tables])["question_id"].combine_chunks()


@dataclass(frozen=True, slots=True)
class _Examples:
    """Different examples by content id, as columns."""

    row: Column
    """First draft of each."""
    multiplicity: Column
    written: Column
    """By a teacher?"""


def _outline(part: pa.Table) -> pa.Table:
    """What decides about a draft, without its texts and tokens."""
    return part.drop(["input_ids"]).append_column("length", pc.list_value_length(part["input_ids"]))


def _distinct(outline: pa.Table, rows: Column) -> _Examples:
    """The same words twice from a teacher are no reason to study them twice: other draws add up."""
    _, first, group = np.unique(as_numpy(outline["example_id"])[rows], return_index=True, return_inverse=True)
    written = pc.is_in(outline["origin"], value_set=pa.array(sorted(WRITTEN))).to_numpy()[rows]
    drawn = outline["multiplicity"].to_numpy()[rows]
    counted = np.where(written, 0, drawn)
    counted[first] = drawn[first]
    return _Examples(rows[first], np.bincount(group, weights=counted, minlength=len(first)), written[first])


def _kept(drafts: Sequence[Table], wanted: Column) -> Iterator[pa.Table]:
    """The drafts with a wanted multiplicity above 0, part by part."""
    start = 0
    for table in drafts:
        for part in table.iterate():
            times = wanted[start : start + part.num_rows]
            start += part.num_rows
            place = part.schema.get_field_index("multiplicity")
            part = part.set_column(place, part.schema.field(place), pa.array(times))
            yield part.filter(pa.array(times > 0))


def _in_parts(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Pieces put together to parts, sorted by id: the same rows always make the same bytes."""
    gathered: list[pa.Table] = []
    rows = 0
    for piece in pieces:
        gathered.append(piece)
        rows += piece.num_rows
        while rows >= PART_ROWS:
            whole = pa.concat_tables(gathered)
            yield whole.slice(0, PART_ROWS).sort_by("example_id")
            gathered, rows = [whole.slice(PART_ROWS)], rows - PART_ROWS
    if gathered:
        yield pa.concat_tables(gathered).sort_by("example_id")
