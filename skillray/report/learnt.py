"""How examples were learnt: categories by DSA's dynamics (arXiv 2412.19361) before every epoch, from a run's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import removed
from skillray.diagnosis.dynamics import (
    MIN_OBSERVATIONS,
    Baseline,
    Category,
    Thresholds,
    averages_of,
    categorise,
    counts_of,
)
from skillray.diagnosis.learning import losses_by_example
from skillray.errors import TableError
from skillray.report.text import amount, percent
from skillray.report.views import Cell
from skillray.store.files import exists, read_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table

MAX_ROWS = 5_000_000
"""Losses of a round without updates from which on only its last categories are computed: each takes a pass."""
CATEGORIES = tuple(Category)
"""In the order of the table's columns."""
EDITS = ("dropped", "carried", "down-weighted", "ordered", "new", "removed")


@dataclass(frozen=True, slots=True)
class Sizes:
    """The set before one epoch."""

    epoch: int
    counts: Mapping[Category, int]
    notes: Mapping[str, float]
    """Of the update: what was dropped, carried and ordered. Empty where nothing was edited."""
    new: int = 0
    """Examples that the epoch before did not have."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """One round of one student."""

    student: str
    round: int
    sizes: tuple[Sizes, ...]
    last: pa.Table
    """CATEGORIES before the last epoch in `sizes`."""
    bounds: Mapping[str, float]
    """Between the categories in `last`, by the names that an update notes them under."""
    edited: bool
    """False: there were no updates, and the categories were computed for the report."""
    like: str | None = None
    """The student with updates whose error baseline and factors were taken, where this one has none."""


def read_learnt(run: RunFolder, students: Iterable[str]) -> tuple[list[Learnt], list[str]]:
    """Every round with updates, and the same rounds of students without: the control on static data. And one line for
    each table that could not be read. Both are empty for a run without updates.
    """
    folders = {(name, index): folder for name in students for index, folder in _rounds(run, name)}
    problems: list[str] = []
    found = {key: one for key, folder in folders.items() if (one := _read(problems, _edited, *key, folder))}
    edited = list(found.values())
    for key, folder in folders.items():
        likes = [one for one in edited if one.round == key[1]]
        if likes and key not in found and (one := _read(problems, _static, run, *key, folder, likes)):
            found[key] = one
    return [found[key] for key in folders if key in found], problems


def _rounds(run: RunFolder, student: str) -> Iterable[tuple[int, RoundFolder]]:
    index = 0
    while any(True for _ in run.round(student, index).segments()):
        yield index, run.round(student, index)
        index += 1


def _read(problems: list[str], read: Callable[..., Learnt | None], *arguments: Any) -> Learnt | None:
    try:
        return read(*arguments)
    except TableError as error:  # the rest of the run is shown all the same
        problems.append(str(error))
        return None


def _edited(student: str, index: int, folder: RoundFolder) -> Learnt | None:
    updates = [(e, segment) for e, segment in enumerate(folder.segments()) if segment.table("categories").complete()]
    if not updates:
        return None
    sizes = tuple(_sizes_of(folder, epoch, segment) for epoch, segment in updates)
    return Learnt(student, index, sizes, updates[-1][1].table("categories").read(), sizes[-1].notes, edited=True)


def _sizes_of(folder: RoundFolder, epoch: int, segment: RoundFolder) -> Sizes:
    categories = segment.table("categories").read(["category"])
    notes = dict(read_json(segment.study)["notes"]) if exists(segment.study) else {}
    now, before = (one.table("examples") for one in (segment, folder.segment(epoch - 1)))
    if not now.complete():
        return Sizes(epoch, counts_of(categories), notes)
    known = before.read(["example_id"])["example_id"].combine_chunks()
    isin = [pc.is_in(part["example_id"], value_set=known) for part in now.iterate(["example_id"])]
    return Sizes(epoch, counts_of(categories), notes, now.num_rows() - sum(pc.sum(one).as_py() or 0 for one in isin))


def _static(run: RunFolder, student: str, index: int, folder: RoundFolder, likes: list[Learnt]) -> Learnt | None:
    """By the error baseline and the factors of a student that began the round with the same examples, if there is one;
    before the epochs that an update can come before."""
    learning = folder.segment().table("learning")
    if not learning.complete():
        return None
    like = next((one for one in likes if _same_examples(folder, run.round(one.student, index))), None)
    baseline, thresholds = (None, Thresholds()) if like is None else _standards(like)
    epochs = list(range(MIN_OBSERVATIONS, _num_epochs(learning)))
    if learning.num_rows() > MAX_ROWS:
        epochs = epochs[-1:]
    tables = [categorise(losses_by_example(learning, before=epoch), baseline, thresholds) for epoch in epochs]
    if not tables:
        return None
    sizes = tuple(Sizes(epoch, counts_of(rows), {}) for epoch, rows in zip(epochs, tables, strict=True))
    average = averages_of(tables[-1])
    bounds = {"hard_above_mean": thresholds.mean * average.mean, "easy_up_to_std": thresholds.std * average.std}
    bounds |= {} if baseline is None else {"error_from_mean": baseline.mean, "error_up_to_std": baseline.std}
    return Learnt(student, index, sizes, tables[-1], bounds, edited=False, like=like.student if like else None)


def _same_examples(one: RoundFolder, other: RoundFolder) -> bool:
    tables = [folder.segment().table("examples") for folder in (one, other)]
    return all(table.complete() for table in tables) and tables[0].fingerprint() == tables[1].fingerprint()


def _num_epochs(learning: Table) -> int:
    return 1 + max((pc.max(part["epoch"]).as_py() for part in learning.iterate(["epoch"]) if part.num_rows), default=-1)


def _standards(like: Learnt) -> tuple[Baseline | None, Thresholds]:
    """Those by which an update sorted; the baseline has its factors in it."""
    bounds, average = like.bounds, averages_of(like.last)
    factors = {}
    if "hard_above_mean" in bounds and average.mean > 0 and average.std > 0:
        factors = {"mean": bounds["hard_above_mean"] / average.mean, "std": bounds["easy_up_to_std"] / average.std}
    if "error_from_mean" not in bounds:
        return None, Thresholds(**factors)
    return Baseline(mean=bounds["error_from_mean"], std=bounds["error_up_to_std"]), Thresholds(**factors)


def size_rows(learnt: Iterable[Learnt]) -> list[tuple[Learnt, int, list[Cell], list[Cell]]]:
    """(round, epoch, one cell a category with its share, what was done), a line for each epoch."""
    return [(one, sizes.epoch, _sizes(sizes), _edits(sizes)) for one in learnt for sizes in one.sizes]


def _sizes(sizes: Sizes) -> list[Cell]:
    total = sum(sizes.counts.values())
    counts = [sizes.counts[category] for category in CATEGORIES]
    return [Cell(amount(count), f"{percent(count / total)} %" if count else "") for count in counts]


def _edits(sizes: Sizes) -> list[Cell]:
    """By the names of `EDITS`; dashes where nothing was edited."""
    notes = sizes.notes
    if "carried" not in notes:
        return [Cell() for _ in EDITS]
    ordered = [(notes.get(name, 0), what) for name, what in (("to_augment", "more"), ("to_compose", "composed"))]
    kinds = ", ".join(f"{amount(count)} {what}" for count, what in ordered if count)
    numbers = [notes.get(name, 0) for name in ("dropped", "carried", "of_them_downweighted")]
    made = (Cell(amount(sum(count for count, _ in ordered)), kinds), Cell(amount(sizes.new)))
    why = removed(notes)
    names = {name: name.removeprefix("refused_").removeprefix("drafts_").replace("_", " ") for name in why}
    says = ", ".join(f"{amount(count)} {names[name]}" for name, count in why.items())
    return [*(Cell(amount(number)) for number in numbers), *made, Cell(amount(sum(why.values())), says)]
