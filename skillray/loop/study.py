"""Plan: evidence from tables, orders to a table. The curriculum itself sees neither."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import Curriculum, Evidence, Gap, Need, Neighbours, Plan, SkillMap
from skillray.skills.graph import SkillGraph
from skillray.store.ids import as_numpy
from skillray.store.schemas import ORDERS
from skillray.store.tables import Table
from skillray.types import Ids


def skill_map(pool: Table) -> SkillMap:
    """STAT's Skill-Map: the pool's labels, inverted."""
    rows = pool.read(["question_id", "level", "skills"])
    ids, skills = as_numpy(rows["question_id"]), rows["skills"].combine_chunks()
    labels = pc.list_flatten(skills).dictionary_encode()
    places = labels.indices.to_numpy()
    order = np.argsort(places, kind="stable")  # by skill, and in the pool's order within a skill
    owners = ids[pc.list_parent_indices(skills).to_numpy()[order]]
    ends = np.cumsum(np.bincount(places, minlength=len(labels.dictionary)))
    groups = zip(labels.dictionary.to_pylist(), np.split(owners, ends)[:-1], strict=True)
    return SkillMap(
        question_ids=Ids(ids.tobytes()),
        levels=tuple(rows["level"].to_pylist()),
        by_skill={skill: Ids(group.tobytes()) for skill, group in sorted(groups, key=lambda group: group[0])},
    )


def make_plan(
    curriculum: Curriculum,
    pool: Table,
    gaps: Table,
    memory: Mapping[str, Any],
    seed: int,
    neighbours: Table | None = None,
    graph: SkillGraph | None = None,
    texts: Table | None = None,
) -> Plan:
    """What `curriculum` wants, given the tables; those that it does not need are not read, and need not be there."""
    found: tuple[Gap, ...] = ()
    if Need.GAPS in curriculum.needs:
        rows = gaps.read(["question_id", "missing_skills"]).sort_by("question_id").to_pylist()
        found = tuple(
            Gap(question_id=row["question_id"], missing_skills=tuple(row["missing_skills"]))
            for row in rows
            if row["missing_skills"]
        )
    similar: tuple[Neighbours, ...] = ()
    if neighbours is not None and Need.NEIGHBOURS in curriculum.needs:
        rows = neighbours.read(["question_id", "nearest"]).sort_by("question_id").to_pylist()
        similar = tuple(Neighbours(question_id=row["question_id"], nearest=tuple(row["nearest"])) for row in rows)
    replay = Ids(as_numpy(texts.read(["text_id"])["text_id"]).tobytes()) if texts is not None else ()
    evidence = Evidence(skill_map=skill_map(pool), gaps=found, neighbours=similar, graph=graph, replay=replay)
    return curriculum.plan(evidence, memory, random.Random(seed))


def orders_table(plan: Plan) -> pa.Table:
    """The plan's orders in its own order, one row each."""
    rows = [
        {
            "order_id": order.order_id(index),
            "kind": str(order.kind),
            "skill": order.skill,
            "parent_id": order.parent_id,
            "question_ids": list(order.question_ids),
            "count": order.count,
            "weight": order.weight,
            "unit": order.unit,
        }
        for index, order in enumerate(plan.orders)
    ]
    return pa.Table.from_pylist(rows, schema=ORDERS)
