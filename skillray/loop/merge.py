"""Merge: drafts to examples, one row for each (question, response), nothing that is held out, no near-duplicates.

Memory holds one part, and of what a teacher wrote the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import NEW, OrderKind
from skillray.grading.texts import near_duplicates
from skillray.store.ids import as_numpy
from skillray.store.tables import PART_ROWS, Table, read_part

OUTLINE = ("example_id", "question_id", "origin", "multiplicity", "input_ids", "refused")
Column = npt.NDArray[Any]


def merge(
    given: Sequence[Table],
    written: Sequence[Table],
    forbidden: pa.Array,
    max_length: int,
    target: int | None,
    checked: Set[OrderKind] = NEW,
) -> tuple[Iterator[pa.Table], dict[str, float]]:
    """The parts of the examples table, multiplicities added up; and what became of the draws, counted.

    `given` are drafts of the pool and of the examples before, `written` a teacher's. `forbidden` are the ids of profile
    and held-out questions: no stage may train on them. Of what a teacher wrote at most `target` rows are kept, the ones
    with the smallest content ids, which is a uniform choice; near-duplicates of the `checked` kinds go first. Where it
    wrote several kinds, each is also counted alone.
    """
    drafts = [*given, *written]
    outline = pa.concat_tables([_outline(part) for table in drafts for part in table.iterate(OUTLINE)])
    is_written = np.arange(outline.num_rows) >= sum(table.num_rows() for table in given)
    drawn = outline["multiplicity"].to_numpy().astype(np.int64)
    usable, reasons = _usable(outline, forbidden, max_length)
    examples = _distinct(outline, np.flatnonzero(usable), is_written)
    doubles = _near_duplicates(drafts, outline, examples, checked)
    fresh = np.setdiff1d(np.flatnonzero(examples.written), doubles)
    surplus = fresh[target:] if target is not None else np.empty(0, np.int64)
    wanted = np.zeros(outline.num_rows, np.int32)
    wanted[examples.row] = examples.multiplicity
    wanted[examples.row[np.concatenate([doubles, surplus])]] = 0
    counts: dict[str, float] = {
        "drafts_new": len(examples.row) - len(doubles),
        "drafts_repeated": int(drawn[usable].sum()) - len(examples.row),
        "drafts_near_duplicates": len(doubles),
        **{reason: int(drawn[rows].sum()) for reason, rows in reasons.items()},
    }
    counts = {name: count for name, count in counts.items() if count}
    if len(fresh):
        counts |= {"written": len(fresh), "surplus": len(surplus)}
    if len(kinds := pc.unique(outline["origin"].filter(pa.array(is_written))).to_pylist()) > 1:
        origins = outline["origin"].take(examples.row[fresh]).to_pylist()
        counts |= {f"written_{kind}": origins.count(kind) for kind in sorted(kinds)}
    return _in_parts(_kept(drafts, wanted)), counts


def ids_of(tables: Sequence[Table], name: str = "question_id") -> pa.Array:
    """Every id in the column `name` of `tables`."""
    return pa.concat_tables([table.read([name]) for table in tables])[name].combine_chunks()


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


def _usable(outline: pa.Table, forbidden: pa.Array, max_length: int) -> tuple[Column, dict[str, Column]]:
    """Which drafts may be examples; and by why not, the others."""
    refused = pc.is_valid(outline["refused"]).to_numpy()
    held_out = pc.is_in(outline["question_id"], value_set=forbidden).to_numpy() & ~refused
    too_long = (outline["length"].to_numpy() > max_length) & ~held_out & ~refused
    reasons = {"drafts_held_out": held_out, "drafts_too_long": too_long}
    for reason in sorted(pc.unique(outline["refused"]).drop_null().to_pylist()):
        reasons[f"refused_{reason}"] = pc.equal(outline["refused"], reason).fill_null(False).to_numpy()
    return ~(refused | held_out | too_long), reasons


def _distinct(outline: pa.Table, rows: Column, is_written: Column) -> _Examples:
    """The same words twice from a teacher are no reason to study them twice: other draws add up."""
    _, first, group = np.unique(as_numpy(outline["example_id"])[rows], return_index=True, return_inverse=True)
    written = is_written[rows]
    drawn = outline["multiplicity"].to_numpy()[rows]
    counted = np.where(written, 0, drawn)
    counted[first] = drawn[first]
    return _Examples(rows[first], np.bincount(group, weights=counted, minlength=len(first)), written[first])


def _near_duplicates(
    drafts: Sequence[Table], outline: pa.Table, examples: _Examples, checked: Set[OrderKind]
) -> Column:
    """Places of the written examples whose question, or passage, is nearly that of another one that stays.

    What was written for an earlier segment stays; of the others that with the smallest question id.
    """
    if not examples.written.any():
        return np.empty(0, np.int64)
    origins, ids = outline["origin"].take(examples.row), as_numpy(outline["question_id"])[examples.row]
    places = np.flatnonzero(pc.is_in(origins, value_set=pa.array(sorted(checked))).to_numpy())
    carried = np.unique(ids[places[~examples.written[places]]])
    fresh = np.setdiff1d(ids[places[examples.written[places]]], carried)
    _, first = np.unique(ids[places], return_index=True)
    text_of = _texts(drafts, np.sort(examples.row[places[first]]), as_numpy(outline["question_id"]))
    ordered = [*carried.tolist(), *fresh.tolist()]
    found = near_duplicates([text_of[one] for one in ordered], num_kept=len(carried))
    doubles = np.array([ordered[place] for place in found], "V16")
    return places[np.isin(ids[places], doubles) & examples.written[places]]


def _texts(drafts: Sequence[Table], rows: Column, ids: Column) -> dict[Any, str]:
    """question_id -> its question, or the passage where there is none. Parts without any of the rows are not read."""
    found, start = dict[Any, str](), 0
    for table in drafts:
        for part, path in zip(table.parts(), table.paths(), strict=True):
            mine = rows[(rows >= start) & (rows < start + part.rows)]
            if len(mine):
                texts = read_part(path, ["question", "response"]).take(mine - start).to_pylist()
                named = zip(ids[mine].tolist(), texts, strict=True)
                found |= {one: text["question"] or text["response"] for one, text in named}
            start += part.rows
    return found


def _kept(drafts: Sequence[Table], wanted: Column) -> Iterator[pa.Table]:
    """The drafts with a wanted multiplicity above 0, part by part."""
    start = 0
    for table in drafts:
        for part in table.iterate():
            times = wanted[start : start + part.num_rows]
            start += part.num_rows
            place = part.schema.get_field_index("multiplicity")
            part = part.set_column(place, part.schema.field(place), pa.array(times)).drop(["refused"])
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
