"""Draws that several curricula share. All are functions of the evidence and the rng alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import Field

from skillray.curriculum.base import Evidence, Order, OrderKind, SkillMap
from skillray.skills.graph import SkillGraph
from skillray.types import Id

KeepShare = Annotated[float, Field(ge=0.0, lt=1.0)]
T = TypeVar("T")


def draw_ids(ids: Sequence[Id], count: int, rng: random.Random) -> tuple[Id, ...]:
    """`count` of `ids`, uniform; none comes an (n+1)th time before all came n times. `ids` is not copied for few."""
    whole, rest = divmod(count, len(ids))
    passes = [question_id for _ in range(whole) for question_id in rng.sample(ids, len(ids))]
    return tuple(passes + rng.sample(ids, rest))


def within_budget(
    draws: list[tuple[T, tuple[Id, ...]]], budget: int, rng: random.Random
) -> list[tuple[T, tuple[Id, ...]]]:
    """The draws of everybody, cut to a uniform random subset of `budget` where there are more."""
    total = sum(len(ids) for _, ids in draws)
    if total <= budget:
        return draws
    chosen = set(rng.sample(range(total), budget))
    place = iter(range(total))
    return [(owner, tuple(one for one in ids if next(place) in chosen)) for owner, ids in draws]


def check_agreement(min_agreement: int, solutions: int) -> None:
    """`ValueError` when so many solutions can never agree."""
    if min_agreement > solutions:
        raise ValueError(f"min_agreement {min_agreement} needs at least as many solutions, not {solutions}")


def select_order(ids: Sequence[Id], count: int, rng: random.Random) -> Order:
    """`count` draws of `ids` for nobody in particular."""
    return Order(kind=OrderKind.SELECT, skill=None, parent_id=None, question_ids=draw_ids(ids, count, rng), count=count)


@dataclass(frozen=True, slots=True)
class Pair:
    """A difficult question and one skill it lacks."""

    question_id: Id
    skill: str


def missing_pairs(evidence: Evidence) -> tuple[list[Pair], int]:
    """Every (difficult question, missing skill) in the order of the gaps, and how many have no pool question."""
    pairs = [Pair(gap.question_id, skill) for gap in evidence.gaps for skill in dict.fromkeys(gap.missing_skills)]
    usable = [pair for pair in pairs if evidence.skill_map.by_skill.get(pair.skill)]
    return usable, len(pairs) - len(usable)


def keep_orders(skill_map: SkillMap, count: int, rng: random.Random) -> list[Order]:
    """`count` draws that hold what is known: a skill uniformly over all skills of the pool, then a question of it."""
    skills = [skill for skill, ids in skill_map.by_skill.items() if ids]
    counts = Counter(rng.choices(skills, k=count)) if skills else Counter[str]()
    return [
        Order(
            kind=OrderKind.KEEP,
            skill=skill,
            parent_id=None,
            question_ids=draw_ids(skill_map.by_skill[skill], counts[skill], rng),
            count=counts[skill],
        )
        for skill in skills
        if counts[skill]
    ]


def num_kept(num_targeted: int, keep: float) -> int:
    """How many keep draws make up a share of `keep` beside `num_targeted` others."""
    return round(num_targeted * keep / (1.0 - keep))


def graph_of(evidence: Evidence) -> SkillGraph:
    """The run's skill graph; without one, the pool's skills with nothing known of what builds on what."""
    return evidence.graph or SkillGraph.flat(tuple(evidence.skill_map.by_skill))


def coverage(graph: SkillGraph, skill_map: SkillMap) -> dict[str, float]:
    """For a reader: skills that are in the graph or in the pool alone, where there are such."""
    known, pooled = set(graph.skills), {skill for skill, ids in skill_map.by_skill.items() if ids}
    counts = {"graph_skills_without_pool_questions": known - pooled, "pool_skills_outside_graph": pooled - known}
    return {name: len(skills) for name, skills in counts.items() if skills}
