"""DSA's dynamic update: the examples of the next epoch, by how the student has learnt them so far."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveInt, model_validator

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.diagnosis.dynamics import (
    MIN_OBSERVATIONS,
    Averages,
    Baseline,
    Category,
    Corruption,
    Thresholds,
    averages_of,
    categorise,
    counts_of,
    of_examples,
)
from skillray.types import Id, Value

__all__ = ["Baseline", "BaselineSettings", "Dynamics", "Thresholds", "Update"]

Action = Literal["drop_error", "augment_hard", "downweight_easy", "compose_easy"]
WRITING: frozenset[Action] = frozenset({"augment_hard", "compose_easy"})
"""Actions that have a teacher write."""
Mask = npt.NDArray[np.bool_]


class BaselineSettings(Value):
    """The probe fit on examples that are known to be wrong (arXiv 2412.19361: "constructed error examples", for three
    epochs). The share is ours."""

    share: float = Field(0.05, gt=0.0, lt=1.0)
    """Of the examples: these are spoilt."""
    epochs: int = Field(3, ge=2)
    """One loss of each has no spread, and an error has no more than the mean spread of these."""
    corruption: Corruption = "auto"
    """Swap final answers, or whole solutions, between questions; auto: answers where they are a part of a solution that
    its mean loss can show (`diagnosis.corruption.MIN_SHARE`), else solutions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What becomes of the examples."""

    plan: Plan
    categories: pa.Table
    """CATEGORIES schema."""


class Dynamics(Value):
    """How and when the examples are edited (arXiv 2412.19361, dynamic training): errors are dropped, after hard ones a
    teacher writes more, easy ones get a lower weight and are composed into harder problems, ambiguous ones stay.

    What we have of the paper contradicts itself on the period (3.3: three epochs, 4.1: one), and amounts we could not
    read; both are fields.
    With no actions, categories are measured and nothing is edited: the same-data control.
    """

    first: PositiveInt = 3
    """Epochs before the first update."""
    period: PositiveInt = 1
    """Epochs from one update to the next."""
    regenerate_every: PositiveInt = 3
    """Epochs from one update that has new examples written to the next."""
    lag: Literal[0, 1] = 0
    """1: while an epoch is trained, the next one is prepared from the epochs before it. 0: training waits for it."""
    cap: float = Field(0.25, gt=0.0, le=1.0)
    """New examples of one update, at most this share of the set. Ours."""
    easy_weight: float = Field(0.5, gt=0.0, le=1.0)
    """Of an easy example in the loss. Ours."""
    actions: tuple[Action, ...] = ("drop_error", "augment_hard", "downweight_easy", "compose_easy")
    thresholds: Thresholds = Thresholds()
    baseline: BaselineSettings | None = BaselineSettings()
    """None: no probe fit, and no category of errors."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if twice := [action for action in self.actions if self.actions.count(action) > 1]:
            raise ValueError(f"actions: {twice[0]!r} stands twice")
        if self.baseline is None and "drop_error" in self.actions:
            raise ValueError(
                "actions: 'drop_error' needs a baseline: without one nothing is an error; set it, or leave this out"
            )
        return self

    @property
    def writes(self) -> bool:
        """Whether its updates have a teacher write something."""
        return not WRITING.isdisjoint(self.actions)

    def updates(self, epoch: int) -> bool:
        """Whether `epoch`, 0-based, begins with an update."""
        return epoch >= self.first and (epoch - self.first) % self.period == 0

    def regenerates(self, epoch: int) -> bool:
        """Whether the update before `epoch` has new examples written: the first does, then the next one of every
        `regenerate_every` epochs."""
        since = epoch - self.first
        return self.writes and since // self.regenerate_every != (since - self.period) // self.regenerate_every

    def update(
        self, history: pa.Table, outline: pa.Table, baseline: Baseline | None, epoch: int, rng: random.Random
    ) -> Update:
        """The orders for `epoch`, 0-based. The set is never emptied: where all of it is in error, all of it stays.

        A weight is set, not multiplied: 1, or `easy_weight` as long as the example is easy. An example that stays is
        named once, whatever its multiplicity.

        Args:
            history: `diagnosis.learning.losses_by_example` of the epochs that are known; of other examples too.
            outline: the examples of the epoch before: example_id, question_id, skills, and is_asked: whether there is
                a question; after passages and general text nothing is written.
        """
        known = of_examples(history, outline["example_id"])
        categories = categorise(known, baseline, self.thresholds)
        marks = {category: _is(categories, category) for category in Category}
        dropped = marks[Category.ERROR] if "drop_error" in self.actions else np.zeros(outline.num_rows, np.bool_)
        kept_all = bool(outline.num_rows) and bool(dropped.all())
        dropped &= not kept_all
        light = marks[Category.EASY] if "downweight_easy" in self.actions else np.zeros(outline.num_rows, np.bool_)
        written = self._written(outline, marks, rng) if self.regenerates(epoch) else []
        carried = list(_carried(outline["example_id"], ~dropped, light, self.easy_weight))
        notes = _categories_noted(categories, averages_of(known), baseline, self.thresholds) | {
            "dropped": int(dropped.sum()),
            "all_in_error_so_none_dropped": int(kept_all),
            "carried": sum(order.count for order in carried),
            "of_them_downweighted": int((light & ~dropped).sum()),
            **_orders_noted(written),
        }
        plan = Plan(orders=(*written, *carried), target=len(written) or None, notes=notes)
        return Update(plan=plan, categories=categories)

    def _written(self, outline: pa.Table, marks: dict[Category, Mask], rng: random.Random) -> list[Order]:
        """An order of one example for every hard one and for every pair of easy ones. Where that is over the cap, a
        uniform draw of them: the paper says neither how many nor which.
        """
        asking = outline["is_asked"].to_numpy()
        orders: list[Order] = []
        if "augment_hard" in self.actions:
            hard = _rows(outline, marks[Category.HARD] & asking)
            orders += [_augment(row) for row in hard]
        if "compose_easy" in self.actions:
            easy = _rows(outline, marks[Category.EASY] & asking)
            orders += [_compose(*pair) for pair in pairs(easy, rng)]
        most = int(self.cap * outline.num_rows)
        return rng.sample(orders, most) if len(orders) > most else orders


Row = dict[str, Any]


def pairs(rows: Sequence[Row], rng: random.Random) -> list[tuple[Row, Row]]:
    """Every row in one pair, but for one where they are odd; of different main skills as long as there are any.

    The skills stand in blocks, in a seeded order, and each row meets the one half of all further on: two of one skill
    meet only where it has more than half of the rows. Pairs across skills are our choice: what uses two skills is
    harder than either.
    """
    blocks: dict[str | None, list[Row]] = {}
    for row in rng.sample(rows, len(rows)):
        blocks.setdefault(row["skill"], []).append(row)
    order = [row for skill in rng.sample(list(blocks), len(blocks)) for row in blocks[skill]]
    half = len(order) // 2
    return list(zip(order[:half], order[half : 2 * half], strict=True))


def _is(categories: pa.Table, category: Category) -> Mask:
    mask: Mask = pc.equal(categories["category"], str(category)).to_numpy()
    return mask


def _rows(outline: pa.Table, wanted: Mask) -> list[Row]:
    """example_id, question_id and main skill of the `wanted` examples."""
    rows = outline.select(["example_id", "question_id", "skills"]).filter(pa.array(wanted)).to_pylist()
    return [row | {"skill": row["skills"][0] if row["skills"] else None} for row in rows]


def _augment(row: Row) -> Order:
    return Order(
        kind=OrderKind.SYNTHESIZE,
        skill=row["skill"],
        parent_id=row["example_id"],
        question_ids=(row["question_id"],),
        count=1,
    )


def _compose(one: Row, other: Row) -> Order:
    return Order(
        kind=OrderKind.COMPOSE,
        skill=one["skill"] if one["skill"] == other["skill"] else None,
        parent_id=None,
        question_ids=(one["question_id"], other["question_id"]),
        count=1,
    )


def _carried(ids: pa.ChunkedArray, kept: Mask, light: Mask, weight: float) -> Iterator[Order]:
    """One order for each weight."""
    for chosen, of_order in ((kept & ~light, 1.0), (kept & light, weight)):
        if named := tuple(ids.filter(pa.array(chosen)).to_pylist()):
            yield _carry(named, of_order)


def _carry(ids: tuple[Id, ...], weight: float) -> Order:
    return Order(kind=OrderKind.CARRY, skill=None, parent_id=None, question_ids=ids, count=len(ids), weight=weight)


def _categories_noted(
    categories: pa.Table, average: Averages, baseline: Baseline | None, thresholds: Thresholds
) -> dict[str, float]:
    """Sizes, and the bounds between them in nats."""
    notes: dict[str, float] = {str(category): count for category, count in counts_of(categories).items()}
    if notes[Category.UNSEEN] < categories.num_rows:
        notes["hard_above_mean"] = thresholds.mean * average.mean
        notes["easy_up_to_std"] = thresholds.std * average.std
    if baseline is not None:
        notes["error_from_mean"] = thresholds.error_mean * baseline.mean
        notes["error_up_to_std"] = thresholds.error_std * baseline.std
    return notes


def _orders_noted(written: Sequence[Order]) -> dict[str, float]:
    kinds = [order.kind for order in written]
    return {"to_augment": kinds.count(OrderKind.SYNTHESIZE), "to_compose": kinds.count(OrderKind.COMPOSE)}


def remark(notes: Mapping[str, float]) -> str | None:
    """What a reader must know of an update with these notes, where it could not do what it is for."""
    counts = {category: int(notes.get(category, 0)) for category in Category}
    total = sum(counts.values())
    if not total:
        return None
    if notes["all_in_error_so_none_dropped"]:
        return f"all {total} examples are in error, so none was dropped; check their answers, or the error baseline"
    if counts[Category.UNSEEN] == total:
        return f"no example had {MIN_OBSERVATIONS} losses yet, so nothing was edited; raise dynamics.first"
    seen = total - counts[Category.UNSEEN]
    alone = [category for category in Category if counts[category] == seen and category is not Category.UNSEEN]
    which = "" if seen == total else f" with {MIN_OBSERVATIONS} losses"
    if alone:
        return f"all {seen} examples{which} are {alone[0]}; nothing tells them apart"
    return _low_baseline(counts[Category.ERROR], notes)


def _low_baseline(errors: int, notes: Mapping[str, float]) -> str | None:
    """Where wrong examples are no lossier than examples on average, what is as lossy as they are may only be hard."""
    baseline = notes.get("error_from_mean")
    if not errors or baseline is None or baseline > notes["hard_above_mean"]:
        return None
    return (
        f"the error baseline ({baseline:.3g} nats) is no higher than the mean loss, so the {errors} examples in error "
        "may only be hard: what was made wrong is too small a part of a solution; set dynamics.baseline.corruption "
        "to 'solutions'"
    )
