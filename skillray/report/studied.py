"""What a student was given and how it went, from the tables of its rounds: orders, examples, learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from skillray.curriculum.base import OrderKind
from skillray.errors import TableError
from skillray.store.files import has_folder
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.tables import Table

MAX_SAMPLES = 2
"""Example rows shown for each origin of a round."""


@dataclass(frozen=True, slots=True)
class Sample:
    origin: str
    question: str
    response: str


@dataclass(frozen=True, slots=True)
class Studied:
    """One round of one student."""

    student: str
    round: int
    orders: Mapping[tuple[str | None, str], int]
    """(skill, kind) -> examples ordered; skill None: no skill was asked for."""
    origins: Mapping[str, tuple[int, int]]
    """Origin -> (different examples, times drawn)."""
    samples: tuple[Sample, ...]
    losses: tuple[tuple[int, float], ...]
    """(step, mean loss in nats over the step's loss tokens), by step."""
    problems: tuple[str, ...]
    """Tables that could not be read, one line each."""


def read_studied(run: RunFolder, student: str) -> list[Studied]:
    """Every round of `student` that has begun; a table that is not complete yet counts as empty."""
    rounds: list[Studied] = []
    while has_folder((folder := run.round(student, len(rounds))).path):
        rounds.append(_round(folder, student, len(rounds)))
    return rounds


def _round(folder: RoundFolder, student: str, index: int) -> Studied:
    problems: list[str] = []
    orders: Counter[tuple[str | None, str]] = Counter()
    kinds, drawn = Counter[str](), Counter[str]()
    samples: list[Sample] = []
    sums: dict[int, np.ndarray] = {}
    for place, segment in enumerate(folder.segments()):
        examples = segment.table("examples")
        try:
            _add_orders(segment.table("orders"), orders)
            _add_origins(examples, folder.segment(place - 1).table("examples") if place else None, kinds, drawn)
            samples = samples or _samples(examples)
            _add_losses(segment.table("learning"), sums)
        except TableError as error:  # one damaged table must not hide the rest of the run: the page says which
            problems.append(str(error))
    origins = {kind: (kinds[kind], drawn[kind]) for kind in sorted(kinds)}
    losses = tuple((step, float(loss / tokens)) for step, (loss, tokens) in sorted(sums.items()) if tokens)
    return Studied(student, index, orders, origins, tuple(samples), losses, tuple(problems))


def _add_orders(table: Table, into: Counter[tuple[str | None, str]]) -> None:
    """What was asked for; to go on with what is there is no asking."""
    for part in table.iterate(["skill", "kind", "count"]) if table.complete() else ():
        part = part.filter(pc.not_equal(part["kind"], OrderKind.CARRY))
        for row in part.group_by(["skill", "kind"]).aggregate([("count", "sum")]).to_pylist():
            into[row["skill"], row["kind"]] += row["count_sum"]


def _add_origins(table: Table, before: Table | None, kinds: Counter[str], drawn: Counter[str]) -> None:
    """A segment that follows another adds what the other has not."""
    known = before.read(["example_id"])["example_id"].combine_chunks() if before and before.complete() else None
    for part in table.iterate(["example_id", "origin", "multiplicity"]) if table.complete() else ():
        if known is not None:
            part = part.filter(pc.invert(pc.is_in(part["example_id"], value_set=known)))
        for row in part.group_by("origin").aggregate([([], "count_all"), ("multiplicity", "sum")]).to_pylist():
            kinds[row["origin"]] += row["count_all"]
            drawn[row["origin"]] += row["multiplicity_sum"]


def _samples(table: Table) -> list[Sample]:
    """The first rows of each origin in the first part."""
    if not table.complete():
        return []
    part = next(table.iterate(["origin", "question", "response"]), None)
    if part is None:
        return []
    origins = part.column("origin").to_numpy(zero_copy_only=False)
    rows = sorted(i for origin in set(origins) for i in np.flatnonzero(origins == origin)[:MAX_SAMPLES])
    return [Sample(**row) for row in part.take(np.array(rows, np.int64)).to_pylist()]


def _add_losses(table: Table, into: dict[int, np.ndarray]) -> None:
    """Adds (sum of loss over tokens, tokens) of every step to `into`."""
    for part in table.iterate(["step", "loss", "num_tokens"]) if table.complete() else ():
        steps, place = np.unique(part.column("step").to_numpy(), return_inverse=True)
        tokens = part.column("num_tokens").to_numpy().astype(np.float64)
        summed = np.bincount(place, weights=part.column("loss").to_numpy() * tokens)
        for step, loss, count in zip(steps, summed, np.bincount(place, weights=tokens), strict=True):
            into.setdefault(int(step), np.zeros(2))[:] += loss, count
