"""Plan: evidence from tables, orders to a table. The curriculum itself sees neither."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skillray.curriculum.base import Curriculum, Evidence, Failures, Gap, Need, Neighbours, Plan, SkillMap
from skillray.skills.graph import SkillGraph
from skillray.store.ids import as_numpy
from skillray.store.schemas import ORDERS
from skillray.store.tables import Table
from skillray.types import Id, Ids


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
    graded: Table | None = None,
) -> Plan:
    """What `curriculum` wants, given the tables; those that it does not need are not read, and need not be there."""
    found: tuple[Gap, ...] = ()
    failures: tuple[Failures, ...] = ()
    categories: dict[Id, str] = {}
    if graded is not None and Need.FAILURES in curriculum.needs:
        failures, categories = failures_of(graded)
    if Need.GAPS in curriculum.needs:
        rows = gaps.read(["question_id", "missing_skills"]).sort_by("question_id").to_pylist()
        found = tuple(
            Gap(
                question_id=row["question_id"],
                missing_skills=tuple(row["missing_skills"]),
                category=categories.get(row["question_id"], ""),
            )
            for row in rows
            if row["missing_skills"]
        )
    similar: tuple[Neighbours, ...] = ()
    if neighbours is not None and Need.NEIGHBOURS in curriculum.needs:
        rows = neighbours.read(["question_id", "nearest"]).sort_by("question_id").to_pylist()
        similar = tuple(Neighbours(question_id=row["question_id"], nearest=tuple(row["nearest"])) for row in rows)
    replay = Ids(as_numpy(texts.read(["text_id"])["text_id"]).tobytes()) if texts is not None else ()
    evidence = Evidence(
        skill_map=skill_map(pool), gaps=found, failures=failures, neighbours=similar, graph=graph, replay=replay
    )
    return curriculum.plan(evidence, memory, random.Random(seed))


def failures_of(graded: Table) -> tuple[tuple[Failures, ...], dict[Id, str]]:
    """The profile questions by category, categories sorted; and the category of every question."""
    rows = graded.read(["question_id", "subject", "skills", "judged", "difficult"])
    judged = rows.filter(rows["judged"]).to_pylist()
    category = {row["question_id"]: row["subject"] or next(iter(row["skills"]), "") for row in judged}
    asked = Counter(category[row["question_id"]] for row in judged)
    failed = Counter(category[row["question_id"]] for row in judged if row["difficult"])
    found = (Failures(name=name, asked=count, failed=failed[name]) for name, count in sorted(asked.items()))
    return tuple(found), category


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
            "concepts": list(order.concepts),
        }
        for index, order in enumerate(plan.orders)
    ]
    return pa.Table.from_pylist(rows, schema=ORDERS)
