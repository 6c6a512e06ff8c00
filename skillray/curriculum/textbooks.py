"""Textbooks: continual pre-training on what a teacher writes about every skill, prerequisites first."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, ClassVar, Literal

from pydantic import PositiveInt

from skillray.curriculum.base import Curriculum, DataSizes, Evidence, Forecast, Memory, Order, OrderKind, Plan
from skillray.curriculum.draw import KeepShare, coverage, draw_ids, graph_of, keep_orders, num_kept
from skillray.protocols import Task
from skillray.skills.graph import SkillGraph
from skillray.types import Id

StudyOrder = Literal["graph", "reverse", "random", "loss"]


class Textbooks(Curriculum):
    """DSA's textbook stage (arXiv 2412.19361): `per_skill` passages on every skill of the graph, in graph order.

    A passage has a description, links to prerequisites, key concepts, worked examples and homework; all its tokens are
    trained on. The paper goes from lower to higher skills and compares with the other way round and with random orders.
    We could not read its full text: the order among skills that do not build on each other (that of the vocabulary),
    the count of passages and the replay are ours. A skill is one unit of study.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.WRITE_TEXTBOOK})
    replays_texts: ClassVar[bool] = True
    has_answers: ClassVar[bool] = False

    type: Literal["textbooks"] = "textbooks"
    order: StudyOrder = "graph"
    """graph: prerequisites first; reverse; random: another one each round; loss: by the mean loss of a skill's passages
    under the student as it is, the smallest first (the plan has graph order; it is sorted when they are written)."""
    per_skill: PositiveInt = 4
    replay: KeepShare = 0.0
    """Share of the examples that is other text, spread evenly over the units, against forgetting: of `data.replay`
    where there is one, else pool questions of all skills alike."""

    def plan(self, evidence: Evidence, memory: Memory, rng: random.Random) -> Plan:
        graph = graph_of(evidence)
        skills = _in_order(graph, self.order, rng)
        orders = [_order(skill, unit, self.per_skill) for unit, skill in enumerate(skills)]
        target = len(skills) * self.per_skill
        kept = self._replay(evidence, num_kept(target, self.replay), len(skills), rng)
        notes = {"passages_to_write": target, "replay_draws": sum(order.count for order in kept)}
        # A later wave sends the first orders again: they must not be those of the lowest skills.
        shuffled = rng.sample(orders, len(orders))
        return Plan(
            orders=(*shuffled, *kept), target=target, memory=memory, notes=notes | coverage(graph, evidence.skill_map)
        )

    def _replay(self, evidence: Evidence, count: int, units: int, rng: random.Random) -> list[Order]:
        if evidence.replay:
            drawn = [_kept(None, text_id) for text_id in draw_ids(evidence.replay, count, rng)]
        else:
            kept = keep_orders(evidence.skill_map, count, rng)
            drawn = [_kept(order.skill, question_id) for order in kept for question_id in order.question_ids]
        shuffled = rng.sample(drawn, len(drawn))
        # What is drawn more than once is one example, with one place: all of its draws take the room of the first.
        draws = Counter(order.question_ids[0] for order in shuffled)
        places = accumulate(draws.values(), initial=0)
        unit = {one: place * units // len(drawn) for one, place in zip(draws, places, strict=False)}
        return [replace(order, unit=unit[order.question_ids[0]]) for order in shuffled]

    def forecast(self, sizes: DataSizes) -> Forecast:
        if sizes.skills is None:
            return Forecast(text=f"{self.per_skill} passages a skill", examples=None)
        passages = self.per_skill * sizes.skills
        text = f"{'at most' if sizes.skills_at_most else 'about'} {passages:,} passages"
        examples = passages + num_kept(passages, self.replay)
        return Forecast(text=text, examples=examples, calls={Task.WRITE_TEXTBOOK: passages})

    def shared_study(self) -> tuple[Any, ...]:
        # The order of study is not in the key: the passages are asked for in the same words whatever it is.
        return self.type, self.per_skill

    def sorts_by_loss(self) -> bool:
        return self.order == "loss"


def _in_order(graph: SkillGraph, order: StudyOrder, rng: random.Random) -> Sequence[str]:
    lower_first = graph.order()
    match order:
        case "reverse":
            return lower_first[::-1]
        case "random":
            return rng.sample(lower_first, len(lower_first))
        case _:  # by loss it is sorted when the passages are there
            return lower_first


def _kept(skill: str | None, one: Id) -> Order:
    return Order(kind=OrderKind.KEEP, skill=skill, parent_id=None, question_ids=(one,), count=1)


def _order(skill: str, unit: int, count: int) -> Order:
    return Order(kind=OrderKind.TEXTBOOK, skill=skill, parent_id=None, question_ids=(), count=count, unit=unit)
