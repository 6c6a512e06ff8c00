"""The split of a question: a function of its id alone, so that no two tables can ever disagree."""

from __future__ import annotations

from typing import Literal

from skillray.types import Id

Split = Literal["pool", "profile", "tune", "held_out"]
SPLITS: tuple[Split, ...] = ("pool", "profile", "tune", "held_out")
_UPPER: tuple[tuple[int, Split], ...] = ((70, "pool"), (80, "profile"), (85, "tune"), (100, "held_out"))


def split_of(question_id: Id) -> Split:
    """The split of a question; of all questions 70% are in pool, 10% in profile, 5% in tune, 15% in held_out."""
    percent = int.from_bytes(question_id[:8], "big") % 100
    return next(split for upper, split in _UPPER if percent < upper)


def is_held_out(question_id: Id) -> bool:
    """True if no training of any kind, pretraining included, may see the question: it is not in the pool."""
    return split_of(question_id) != "pool"
