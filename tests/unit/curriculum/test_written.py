"""Textbooks, exercises and mixtures by hand, over a graph of four skills."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from skillray.curriculum import Curriculum, Exercises, Mixture, Textbooks
from skillray.curriculum.base import Evidence, OrderKind, Plan, SkillMap
from skillray.curriculum.mixture import Part
from skillray.errors import DataError
from skillray.skills.graph import SkillGraph
from skillray.types import Id, content_id

SUMS = tuple(content_id("sum", i) for i in range(10))
PRODUCTS = tuple(content_id("product", i) for i in range(6))
ESSAYS = tuple(content_id("essay", i) for i in range(64))
POOL = SkillMap(
    question_ids=SUMS + PRODUCTS + ESSAYS,
    levels=(None,) * 80,
    by_skill={"sum": SUMS, "product": PRODUCTS, "essay": ESSAYS},
)
GRAPH = SkillGraph(
    {"power": ("product",), "product": ("sum",), "sum": ("count",), "count": ()},
    {"power": "maths", "product": "maths", "sum": "maths", "count": "maths", "essay": "prose"},
)
EVIDENCE = Evidence(skill_map=POOL, graph=GRAPH)


def plan(curriculum: Curriculum, evidence: Evidence = EVIDENCE, seed: int = 0) -> Plan:
    return curriculum.plan(evidence, {}, random.Random(seed))


def units(made: Plan) -> list[str | None]:
    """The skills that passages are wanted on, in the order of study."""
    return [one.skill for one in sorted(made.orders, key=lambda o: o.unit) if one.kind is OrderKind.TEXTBOOK]


def test_textbooks_go_from_prerequisites_up_or_down_or_at_random() -> None:
    upwards = ["count", "sum", "product", "power"]
    assert units(plan(Textbooks())) == units(plan(Textbooks(), seed=5)) == upwards
    assert units(plan(Textbooks(order="reverse"))) == upwards[::-1]
    # 24 orders of four skills, 2400 times: each 100 times, sd 9.8; 5 sd = 49
    times = Counter(tuple(units(plan(Textbooks(order="random"), seed=seed))) for seed in range(2400))
    assert len(times) == 24 and all(51 <= count <= 149 for count in times.values())


def test_every_skill_gets_its_passages_and_is_one_unit() -> None:
    made = plan(Textbooks(per_skill=3))
    assert {(one.unit, one.count, one.question_ids) for one in made.orders} == {(unit, 3, ()) for unit in range(4)}
    assert made.target == made.notes["passages_to_write"] == 12
    # what the first orders are must not depend on the order of study: they are sent again
    assert len({tuple(one.skill for one in plan(Textbooks(), seed=seed).orders) for seed in range(200)}) == 24


def test_replay_is_spread_over_the_units() -> None:
    made = plan(Textbooks(per_skill=3, replay=0.25))
    # 12 passages are three quarters, so 4 draws of the pool: one in each of four units
    kept = [one for one in made.orders if one.kind is OrderKind.KEEP]
    assert sorted(one.unit for one in kept) == [0, 1, 2, 3] and {one.count for one in kept} == {1}
    assert all(one.question_ids[0] in POOL.by_skill[str(one.skill)] for one in kept)
    assert made.target == 12 and made.notes["replay_draws"] == 4


def test_general_text_is_replayed_where_there_is_some() -> None:
    texts = tuple(content_id("text", n) for n in range(3))
    evidence = Evidence(skill_map=POOL, graph=GRAPH, replay=texts)
    kept = [one for one in plan(Textbooks(per_skill=3, replay=0.25), evidence).orders if one.kind is OrderKind.KEEP]
    # 4 draws of 3 texts
    assert Counter(Counter(one.question_ids[0] for one in kept).values()) == {1: 2, 2: 1}
    units_of = {one.question_ids[0]: one.unit for one in kept}
    assert units_of.keys() == set(texts) and {(one.question_ids[0], one.unit) for one in kept} == set(units_of.items())
    # the one that is drawn twice takes the room of two units
    assert sorted(one.unit for one in kept) in ([0, 0, 2, 3], [0, 1, 1, 3], [0, 1, 2, 2])


def test_few_texts_are_replayed_throughout_the_study() -> None:
    """10 texts over 20 units: 80 draws, eight of each text, so a text every second unit."""
    graph = SkillGraph({f"s{n:02d}": () for n in range(20)})
    evidence = Evidence(skill_map=POOL, graph=graph, replay=tuple(content_id("text", n) for n in range(10)))
    kept = [o for o in plan(Textbooks(per_skill=4, replay=0.5), evidence).orders if o.kind is OrderKind.KEEP]
    assert Counter(one.unit for one in kept) == dict.fromkeys(range(0, 20, 2), 8)


def test_graph_and_pool_need_not_have_the_same_skills_and_what_differs_is_counted() -> None:
    for curriculum in (Textbooks(), Exercises()):
        notes = plan(curriculum).notes
        assert (notes["graph_skills_without_pool_questions"], notes["pool_skills_outside_graph"]) == (2, 1)
        alone = plan(curriculum, Evidence(skill_map=POOL))
        assert sorted(str(one.skill) for one in alone.orders) == ["essay", "product", "sum"]
        assert not {"graph_skills_without_pool_questions", "pool_skills_outside_graph"} & set(alone.notes)


def test_exercises_are_for_every_skill_alike() -> None:
    made = plan(Exercises(per_skill=5))
    assert {(one.skill, one.kind, one.count) for one in made.orders} == {
        (skill, OrderKind.EXERCISE, 5) for skill in GRAPH.skills
    }
    assert made.target == made.notes["exercises_to_write"] == 20 and {one.unit for one in made.orders} == {0}
    with pytest.raises(ValueError, match="min_agreement 2 needs at least as many solutions, not 1"):
        Exercises(solutions=1)


def drawn(made: Plan) -> list[tuple[Id, ...]]:
    return [order.question_ids for order in made.orders]


def test_dual_stage_mixed_fine_tuning_is_two_mixtures() -> None:
    """arXiv 2310.05492: all that is specialised; then all that is general and a share of what is specialised."""
    first = plan(Mixture(parts=(Part(skills=("sum", "product")),)))
    assert set(drawn(first)[0]) == {*SUMS, *PRODUCTS}
    general, again = drawn(plan(Mixture(parts=(Part(skills=("essay",)), Part(skills=("sum", "product"), share=0.25)))))
    assert set(general) == set(ESSAYS) and len(set(again)) == 4 and set(again) < {*SUMS, *PRODUCTS}
    # k = 1/256 of 16 is less than one question, and one is the least
    assert len(drawn(plan(Mixture(parts=(Part(skills=("sum", "product"), share=1 / 256),))))[0]) == 1


def test_a_share_is_the_same_in_every_round_and_another_for_another_seed() -> None:
    part = Part(skills=("sum",), share=0.5)
    found = {drawn(plan(Mixture(parts=(part,)), seed=seed))[0] for seed in range(10)}
    assert len(found) == 1 and len(set(*found)) == 5
    assert len({drawn(plan(Mixture(parts=(part,), seed=seed)))[0] for seed in range(10)}) > 5


def test_parts_are_of_a_subject_or_of_everything_and_counts_repeat() -> None:
    maths, everything = drawn(plan(Mixture(parts=(Part(subject="maths", count=20), Part()))))
    assert Counter(Counter(maths).values()) == {1: 12, 2: 4}  # 20 draws of 16 questions
    assert set(everything) == set(POOL.question_ids)


def test_a_part_of_nothing_and_a_part_of_two_minds_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"parts\.1: the pool has no question of power; change it"):
        plan(Mixture(parts=(Part(), Part(skills=("power",)))))
    with pytest.raises(ValueError, match="either `skills` or `subject`"):
        Part(skills=("sum",), subject="maths")
    with pytest.raises(ValueError, match="either `share` or `count`"):
        Part(share=0.5, count=2)
    with pytest.raises(ValueError, match="at least one part"):
        Mixture(parts=())
