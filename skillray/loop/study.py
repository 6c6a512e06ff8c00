"""Plan: evidence from tables, orders to a table. The curriculum itself sees neither."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from skillray.curriculum.base import Curriculum, Evidence, Gap, Need, Plan, SkillMap
from skillray.store.schemas import ORDERS
from skillray.store.tables import Table
from skillray.types import Id


def skill_map(pool: Table) -> SkillMap:
    """STAT's Skill-Map: the pool's labels, inverted."""
    rows = pool.read(["question_id", "level", "skills"])
    ids = tuple(rows["question_id"].to_pylist())
    by_skill: dict[str, list[Id]] = defaultdict(list)
    for question_id, skills in zip(ids, rows["skills"].to_pylist(), strict=True):
        for skill in skills:
            by_skill[skill].append(question_id)
    return SkillMap(
        question_ids=ids,
        levels=tuple(rows["level"].to_pylist()),
        by_skill={skill: tuple(found) for skill, found in sorted(by_skill.items())},
    )


def make_plan(curriculum: Curriculum, pool: Table, gaps: Table, memory: Mapping[str, Any], seed: int) -> Plan:
    """What `curriculum` wants, given the tables it needs."""
    found: tuple[Gap, ...] = ()
    if Need.GAPS in curriculum.needs:
        rows = gaps.read(["question_id", "missing_skills"]).sort_by("question_id").to_pylist()
        found = tuple(
            Gap(question_id=row["question_id"], missing_skills=tuple(row["missing_skills"]))
            for row in rows
            if row["missing_skills"]
        )
    return curriculum.plan(Evidence(skill_map=skill_map(pool), gaps=found), memory, random.Random(seed))


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
        }
        for index, order in enumerate(plan.orders)
    ]
    return pa.Table.from_pylist(rows, schema=ORDERS)
