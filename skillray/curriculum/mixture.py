"""Mixture: fixed parts of the pool. What is in a stage is a list, not code."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from skillray.curriculum.base import (
    Curriculum,
    DataSizes,
    Evidence,
    Forecast,
    Memory,
    Order,
    OrderKind,
    Plan,
    PoolFacts,
    examples_text,
)
from skillray.curriculum.draw import draw_ids, graph_of
from skillray.errors import DataError
from skillray.skills.names import key
from skillray.types import Id, Value, seed_for


class Part(Value):
    """Some questions of the pool: of these skills, of a subject, or of all; of them a share, a number, or all."""

    skills: tuple[str, ...] = ()
    """Empty: whatever they need."""
    subject: str | None = None
    share: float | None = Field(None, gt=0.0, le=1.0)
    """Rounded to whole questions, at least one: DMT's k."""
    count: PositiveInt | None = None
    """Every question once before any comes twice."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.skills and self.subject is not None:
            raise ValueError("a part has either `skills` or `subject`; make two parts of it")
        if self.share is not None and self.count is not None:
            raise ValueError(f"a part has either `share` or `count`; got {self.share} and {self.count}")
        return self

    @property
    def name(self) -> str:
        return self.subject or ", ".join(self.skills) or "any skill"


class Mixture(Curriculum):
    """A set of pool questions that is the same whoever the student is.

    Two stages make DMT (arXiv 2310.05492): all specialised questions; then all general ones and a share k of the
    specialised. Whether that share is drawn again for each epoch is not said: here it is fixed and seeded. A stage of
    a few procedural skills before the others is a procedural warm-up (arXiv 2601.21725).
    """

    type: Literal["mixture"] = "mixture"
    parts: tuple[Part, ...] = (Part(),)
    """A question that belongs to two of them is drawn for each."""
    seed: NonNegativeInt = 0
    """Which questions a share is: the same in every round and for every student."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.parts:
            raise ValueError("parts: a mixture needs at least one part")
        return self

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        orders = tuple(self._order(place, part, evidence) for place, part in enumerate(self.parts))
        notes = {f"part_{place}_draws": order.count for place, order in enumerate(orders)}
        return Plan(orders=orders, memory=memory, notes=notes)

    def _order(self, place: int, part: Part, evidence: Evidence) -> Order:
        ids = _questions(part, evidence)
        if not ids:
            raise DataError(f"curriculum mixture: parts.{place}: the pool has no question of {part.name}; change it")
        count = part.count or max(1, round(len(ids) * (part.share or 1.0)))
        drawn = draw_ids(ids, count, random.Random(seed_for("mixture", self.seed, part.name)))
        return Order(kind=OrderKind.SELECT, skill=None, parent_id=None, question_ids=drawn, count=count)

    def forecast(self, sizes: DataSizes) -> Forecast:
        return Forecast(text=examples_text(None), examples=None)

    def problems(self, pool: PoolFacts) -> Iterator[tuple[str, str]]:
        for index, part in enumerate(self.parts):
            named = [("skill", skill, pool.skills) for skill in part.skills if pool.skills is not None]
            if part.subject is not None:
                named.append(("subject", part.subject, pool.subjects))
            for kind, name, names in named:
                if key(name) not in map(key, names):
                    shown = ", ".join(names[:20]) or "none"
                    yield f"parts.{index}", f"the pool has no question of the {kind} {name!r}; it has {shown}"


def _questions(part: Part, evidence: Evidence) -> Sequence[Id]:
    """Each once, in the order of the pool's skills."""
    by_skill = evidence.skill_map.by_skill
    if not part.skills and part.subject is None:
        return evidence.skill_map.question_ids
    subjects = graph_of(evidence).subjects
    spelled, subject = {key(skill): skill for skill in by_skill}, key(part.subject or "")
    wanted = [spelled.get(key(skill), skill) for skill in part.skills]
    if not wanted:
        wanted = [skill for skill in by_skill if key(subjects.get(skill, "")) == subject]
    return tuple(dict.fromkeys(chain.from_iterable(by_skill.get(skill, ()) for skill in wanted)))
