"""DSA's dynamic update: the examples of the next epoch, by how the student has learnt them so far."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
from pydantic import Field, PositiveFloat, PositiveInt

from skillray.curriculum.base import Plan
from skillray.types import Value

Action = Literal["drop_error", "augment_hard", "downweight_easy", "compose_easy"]


class Thresholds(Value):
    """Factors on the four references of arXiv 2412.19361."""

    error_mean: PositiveFloat = 1.0
    """Times L_b."""
    error_std: PositiveFloat = 1.0
    """Times sigma_b."""
    mean: PositiveFloat = 1.0
    """Times L_average."""
    std: PositiveFloat = 1.0
    """Times sigma_average."""


class BaselineSettings(Value):
    """The probe fit on examples that are known to be wrong."""

    share: float = Field(0.05, gt=0.0, lt=1.0)
    """Of the examples: these are spoilt."""
    epochs: PositiveInt = 3
    corruption: Literal["answers", "solutions"] = "answers"
    """Swap final answers, or whole solutions, between questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the losses of wrong examples look like."""

    mean: float
    """L_b, nats."""
    std: float
    """sigma_b, nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What becomes of the examples."""

    plan: Plan
    categories: pa.Table
    """CATEGORIES schema."""


class Dynamics(Value):
    """How and when the examples are edited."""

    first: PositiveInt = 3
    """Epochs before the first update."""
    period: PositiveInt = 1
    """Epochs from one update to the next."""
    regenerate_every: PositiveInt = 3
    """Epochs from one update that has new examples written to the next."""
    lag: Literal[0, 1] = 0
    """1: while an epoch is trained, the next one is prepared from the epochs before it. 0: training waits for it."""
    cap: float = Field(0.25, ge=0.0, le=1.0)
    """New examples of one update, at most this share of the set."""
    easy_weight: float = Field(0.5, gt=0.0, le=1.0)
    actions: tuple[Action, ...] = ("drop_error", "augment_hard", "downweight_easy", "compose_easy")
    thresholds: Thresholds = Thresholds()
    baseline: BaselineSettings | None = BaselineSettings()

    def update(
        self, history: pa.Table, outline: pa.Table, baseline: Baseline | None, epoch: int, rng: random.Random
    ) -> Update:
        """The orders for epoch `epoch`, 0-based.

        Args:
            history: `diagnosis.learning.losses_by_example` of the epochs that are known.
            outline: the examples of the epoch before: example_id, question_id, skills, origin, weight, multiplicity.
        """
        raise NotImplementedError
