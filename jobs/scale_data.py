"""Synthetic tables for `jobs.scale`: as many rows as wanted, made from a seed, with what the measured steps read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skillray.store.fence import UNFENCED
from skillray.store.ids import as_arrow
from skillray.store.layout import RoundFolder
from skillray.store.schemas import GAPS, GRADED, ID, QUESTIONS
from skillray.store.tables import PART_ROWS
from skillray.types import content_id

NUM_SKILLS = 118
"""AdaptMI's skill bank of MATH (arXiv 2505.00147)."""
MAX_SKILLS = 5
"""Labels of a question, at most (STAT, arXiv 2510.10023, C.3.1)."""
DIFFICULT = 0.5
"""Share of the answers that the filter calls difficult; STAT's students have .52 to .94."""
EPOCHS = 10
"""Of a round, and observations of each example in its `learning`."""

Rows = npt.NDArray[np.int64]


def make_questions(folder: RoundFolder, count: int) -> None:
    """`pool`, `graded` and `gaps` of `count`, `count` and a tenth of `count` rows."""
    folder.table("pool").write_all((_pool(rows) for rows in _cut(count)), fence=UNFENCED)
    folder.table("graded").write_all((_graded(rows) for rows in _cut(count)), fence=UNFENCED)
    folder.table("gaps").write_all((_gaps(rows) for rows in _cut(count // 10)), fence=UNFENCED)


def make_learning(folder: RoundFolder, count: int) -> None:
    """A segment's `learning` for each epoch, `count` rows in all: every example once an epoch, in another order."""
    examples = max(1, count // EPOCHS)
    ids = np.frombuffer(np.random.default_rng(0).bytes(16 * examples), "V16")
    for epoch in range(EPOCHS):
        rows = (_learning(ids, epoch * examples + rows) for rows in _cut(examples))
        folder.segment(epoch).table("learning").write_all(rows, fence=UNFENCED)


def _cut(count: int) -> Iterator[Rows]:
    return (np.arange(start, min(start + PART_ROWS, count)) for start in range(0, count, PART_ROWS))


def _pool(rows: Rows) -> pa.Table:
    """Questions of the embedded student's kind, such as 'Compute 81+12*7.'; about 50 tokens with their solution."""
    rng = _rng("pool", rows)
    b, c = rng.integers(2, 100, len(rows)), rng.integers(2, 10, len(rows))
    questions = _text("Compute ", rows, "+", b, "*", c, ".")
    columns = {
        "question_id": pa.array([content_id(question) for question in questions.to_pylist()], ID),
        "question": questions,
        "answer": _text(rows + b * c),
        "solution": _text(b, "*", c, "=", b * c, "\n", rows, "+", b * c, "=", rows + b * c),
        "skills": _skills(rng, len(rows)),
        "level": rng.integers(1, 6, len(rows)).astype(np.int8),
        "split": pa.repeat("pool", len(rows)),
    }
    return _filled(columns, QUESTIONS, len(rows))


def _graded(rows: Rows) -> pa.Table:
    """One judged answer to each profile question; what no measured step reads is filled."""
    difficult = _rng("graded", rows).random(len(rows)) < DIFFICULT
    columns = {"question_id": _profile_ids(rows), "judged": pa.repeat(True, len(rows)), "difficult": difficult}
    return _filled(columns, GRADED, len(rows))


def _gaps(rows: Rows) -> pa.Table:
    """One to five missing skills of each difficult question."""
    missing = _skills(_rng("gaps", rows), len(rows))
    columns = {"question_id": _profile_ids(rows), "missing_skills": missing, "outcome": pa.repeat("ok", len(rows))}
    return _filled(columns, GAPS, len(rows))


def _learning(ids: npt.NDArray[np.void], rows: Rows) -> pa.Table:
    epochs = rows // len(ids)
    # A fixed number without a factor in common with the examples walks through all of them.
    stride = next(s for s in range(len(ids) // 3 + 1, 2 * len(ids) + 2) if np.gcd(s, len(ids)) == 1)
    columns = {
        "example_id": as_arrow(ids[(rows * stride + epochs) % len(ids)]),
        "epoch": epochs,
        "step": rows // 8,
        "slot": rows % 8,
        "loss": _rng("learning", rows).gamma(2.0, 0.5, len(rows)),
        "num_tokens": np.full(len(rows), 20),
    }
    return pa.table(columns)


def _rng(name: str, rows: Rows) -> np.random.Generator:
    return np.random.default_rng([*name.encode(), int(rows[0])])


def _profile_ids(rows: Rows) -> pa.Array:
    return pa.array([content_id("profile", int(row)) for row in rows], ID)


def _skills(rng: np.random.Generator, count: int) -> pa.ListArray:
    """One to five different skills for each row; the k-th skill is about k times rarer than the first."""
    popularity = 1.0 / np.arange(1, NUM_SKILLS + 1)
    first = rng.choice(NUM_SKILLS, count, p=popularity / popularity.sum())
    stride, lengths = rng.integers(1, 24, count), rng.integers(1, MAX_SKILLS + 1, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    numbers = (np.repeat(first, lengths) + place * np.repeat(stride, lengths)) % NUM_SKILLS
    names = pa.array([f"skill_{number:03d}" for number in range(NUM_SKILLS)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.take(pa.array(numbers)))


def _text(*parts: str | Rows) -> pa.Array:
    """The parts joined, row by row."""
    texts = [part if isinstance(part, str) else pa.array(part).cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def _filled(columns: dict[str, Any], schema: pa.Schema, count: int) -> pa.Table:
    """The columns, and for every other one of the schema nulls or, where there may be none, zeros."""
    return pa.table({f.name: columns[f.name] if f.name in columns else _empty(f, count) for f in schema}, schema=schema)


def _empty(field: pa.Field, count: int) -> pa.Array:
    if field.nullable:
        return pa.nulls(count, field.type)
    if pa.types.is_list(field.type):
        return pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], field.type.value_type))
    return pa.repeat(pa.scalar(0, pa.int8()).cast(field.type), count)
