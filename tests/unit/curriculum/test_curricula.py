"""Every curriculum by hand in a pool of two skills, and what all of them owe."""

from __future__ import annotations

import json
import pickle
import random
import time
from collections import Counter
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillray.curriculum import CURRICULA, Augment, Curriculum, EmbedSel, EmbedSyn, Hard, StatSel, StatSyn, Uniform
from skillray.curriculum.answers import OwnAnswers, Rewrites, spread
from skillray.curriculum.base import WRITTEN, Evidence, Failures, Gap, Need, Neighbours, OrderKind, Plan, SkillMap
from skillray.curriculum.exercises import Exercises
from skillray.curriculum.mixture import Mixture
from skillray.curriculum.textbooks import Textbooks
from skillray.errors import DataError
from skillray.types import Id, content_id

SUMS = tuple(content_id("sum", i) for i in range(10))
PRODUCTS = tuple(content_id("product", i) for i in range(6))
HARD_ONE, HARD_TWO, HARD_THREE = (content_id("hard", i) for i in range(3))
POOL = SkillMap(
    question_ids=SUMS + PRODUCTS,
    levels=(1,) * 8 + (4, None) + (5, 4, 3, 3, 3, 3),
    by_skill={"sum": SUMS, "product": PRODUCTS, "empty": ()},
)
GAPS = (
    Gap(question_id=HARD_ONE, missing_skills=("product",)),
    Gap(question_id=HARD_TWO, missing_skills=("product", "sum")),
    Gap(question_id=HARD_THREE, missing_skills=("product", "empty")),
)
NEAR = (
    Neighbours(question_id=HARD_ONE, nearest=SUMS[:5]),
    Neighbours(question_id=HARD_TWO, nearest=SUMS[3:8]),
)
FAILURES = (Failures(name="", asked=9, failed=3),)
EVIDENCE = Evidence(skill_map=POOL, gaps=GAPS, failures=FAILURES, neighbours=NEAR)
PERFECT = Evidence(skill_map=POOL)


def plan(curriculum: Curriculum, evidence: Evidence = EVIDENCE, seed: int = 0) -> Plan:
    return curriculum.plan(evidence, {}, random.Random(seed))


def drawn(orders: Plan, *kinds: OrderKind) -> list[Id]:
    return list(chain.from_iterable(order.question_ids for order in orders.orders if order.kind in kinds))


def test_uniform_repeats_only_when_it_must() -> None:
    ids = drawn(plan(Uniform(num_examples=40)), OrderKind.SELECT)
    # 40 = 2 * 16 + 8: every question twice, eight of them a third time
    assert Counter(Counter(ids).values()) == {2: 8, 3: 8}
    assert len(set(drawn(plan(Uniform(num_examples=7)), OrderKind.SELECT))) == 7


def test_uniform_is_uniform() -> None:
    # One of 16 questions, 1600 times: each 100 times, sd sqrt(1600 * 1/16 * 15/16) = 9.7; 5 sd = 48.
    one = Uniform(num_examples=1)
    times = Counter(drawn(plan(one, seed=seed), OrderKind.SELECT)[0] for seed in range(1600))
    assert len(times) == 16 and all(52 <= count <= 148 for count in times.values())


def test_hard_draws_levels_four_and_five() -> None:
    ids = drawn(plan(Hard(num_examples=3)), OrderKind.SELECT)
    assert set(ids) == {SUMS[8], PRODUCTS[0], PRODUCTS[1]}
    assert set(drawn(plan(Hard(min_level=5, num_examples=2)), OrderKind.SELECT)) == {PRODUCTS[0]}


def test_hard_without_levels_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="no question of level 6 or more; lower min_level") as error:
        plan(Hard(min_level=6))
    assert "\n" not in str(error.value)


def test_augment_asks_for_every_question_once_before_any_twice() -> None:
    made = plan(Augment(num_examples=40))
    # 16 questions, one order each; 3 rewrites of each are the 40 that are wanted, and at most 48
    assert sorted(drawn(made, OrderKind.AUGMENT)) == sorted(POOL.question_ids)
    assert {(order.count, order.skill, order.parent_id, len(order.question_ids)) for order in made.orders} == {
        (3, None, None, 1)
    }
    assert made.target == 40 and plan(Augment(num_examples=9500)).target == 16 * 3
    assert drawn(made, OrderKind.AUGMENT) != drawn(plan(Augment(num_examples=40), seed=1), OrderKind.AUGMENT)


def test_augment_takes_a_random_part_of_a_large_pool() -> None:
    # One of 16 questions, 1600 times, as for uniform: each 100 times, 5 sd = 48.
    times = Counter(drawn(plan(Augment(num_examples=1), seed=seed), OrderKind.AUGMENT)[0] for seed in range(1600))
    assert len(times) == 16 and all(52 <= count <= 148 for count in times.values())


def test_stat_sel_draws_five_for_every_pair() -> None:
    made = plan(StatSel())
    # product is missing three times and sum once: three orders of product, one of sum, five questions each
    assert [(order.parent_id, order.skill, order.count) for order in made.orders] == [
        (HARD_ONE, "product", 5),
        (HARD_TWO, "product", 5),
        (HARD_TWO, "sum", 5),
        (HARD_THREE, "product", 5),
    ]
    for order in made.orders:
        assert len(set(order.question_ids)) == 5 and set(order.question_ids) <= set(POOL.by_skill[str(order.skill)])
    assert made.notes == {"pairs": 4, "pairs_without_pool_questions": 1, "targeted_draws": 20, "keep_draws": 0}


def test_every_drawn_question_brings_its_answers() -> None:
    made = plan(StatSel(questions_per_skill=2, answers=Rewrites()))
    # four pairs, two questions each, three answers each
    assert [order.count for order in made.orders] == [6, 6, 6, 6] and made.notes["targeted_draws"] == 24
    assert all(set(Counter(order.question_ids).values()) == {3} for order in made.orders)
    assert plan(StatSel(answers=Rewrites())).notes["targeted_draws"] == 4 * 5 * 3
    near = plan(EmbedSel(neighbours=2, answers=OwnAnswers(count=2)))
    assert [one.question_ids for one in near.orders] == [
        (SUMS[0], SUMS[0], SUMS[1], SUMS[1]),
        (SUMS[3], SUMS[3], SUMS[4], SUMS[4]),
    ]


def test_the_budget_counts_pairs_of_question_and_answer() -> None:
    made = plan(StatSel(num_examples=30, answers=Rewrites()))
    assert made.notes["targeted_draws"] == len(drawn(made, OrderKind.SELECT)) == 30  # of 60
    assert len(drawn(plan(Hard(num_examples=40, answers=Rewrites())), OrderKind.SELECT)) == 40


def test_draws_are_spread_over_answers() -> None:
    assert spread(7, 3) == [3, 2, 2] and spread(2, 3) == [1, 1, 0] and spread(3, 1) == [3]


def test_a_student_cannot_have_more_right_answers_than_it_gives() -> None:
    with pytest.raises(ValueError, match="count 5 needs at least as many samples, not 4"):
        OwnAnswers(count=5)


def test_stat_sel_repeats_inside_a_pair_only_when_the_skill_is_small() -> None:
    made = plan(StatSel(questions_per_skill=8))
    assert Counter(Counter(made.orders[0].question_ids).values()) == {1: 4, 2: 2}  # 8 draws of 6 questions


def test_stat_sel_takes_a_random_subset_of_the_draws() -> None:
    # 15 of the 20 draws are products, so 6 of 8 drawn; the mean of 200 plans has sd sqrt(8 * 3/16 * 12/19 / 200) = .07
    num_products = 0
    for seed in range(200):
        ids = drawn(plan(StatSel(num_examples=8), seed=seed), OrderKind.SELECT)
        assert len(ids) == 8
        num_products += sum(question_id in PRODUCTS for question_id in ids)
    assert 5.65 <= num_products / 200 <= 6.35


def test_a_quarter_is_kept_over_all_skills() -> None:
    made = plan(StatSel(num_examples=None, keep=0.25))
    # 20 targeted draws are three quarters, so round(20 / 3) = 7 are kept
    assert (made.notes["targeted_draws"], made.notes["keep_draws"]) == (20, 7)
    assert len(drawn(made, OrderKind.KEEP)) == 7
    capped = plan(StatSel(num_examples=16, keep=0.25))
    assert (capped.notes["targeted_draws"], capped.notes["keep_draws"]) == (12, 4)


def test_keep_draws_are_uniform_over_skills_not_questions() -> None:
    # 3000 keep draws of two skills: 1500 each though sum has more questions; sd 27, 5 sd = 137
    made = plan(StatSyn(num_examples=6000, keep=0.5))
    counts = {order.skill: order.count for order in made.orders if order.kind is OrderKind.KEEP}
    assert made.target == sum(counts.values()) == 3000 and 1363 <= counts["sum"] <= 1637


def test_stat_syn_goes_round_until_the_target_is_met() -> None:
    made = plan(StatSyn(num_examples=38))
    # 2 questions * 2 agreeing solutions = 4 pairs an order: ceil(38 / 4) = 10 orders over 4 pairs, so 2 or 3 times each
    assert len(made.orders) == 10
    times = Counter((order.parent_id, order.skill) for order in made.orders)
    assert sorted(times.values()) == [2, 2, 3, 3]
    for order in made.orders:
        assert (order.kind, order.count, len(set(order.question_ids))) == (OrderKind.SYNTHESIZE, 2, 3)
        assert set(order.question_ids) <= set(POOL.by_skill[str(order.skill)])
    assert (made.target, made.notes["questions_to_write"]) == (38, 20)
    assert len({order.order_id(i) for i, order in enumerate(made.orders)}) == 10


def test_stat_syn_at_its_defaults_asks_for_the_papers_counts() -> None:
    assert plan(StatSyn()).notes["questions_to_write"] == 4750  # the paper: 4k unique questions, 9.5k pairs


def test_stat_syn_agreement_must_be_possible() -> None:
    with pytest.raises(ValueError, match="min_agreement 2 needs at least as many solutions, not 1"):
        StatSyn(solutions=1)


def test_embed_sel_takes_the_nearest_of_every_difficult_question() -> None:
    made = plan(EmbedSel())
    assert [(one.kind, one.skill, one.parent_id, one.question_ids) for one in made.orders] == [
        (OrderKind.SELECT, None, HARD_ONE, SUMS[:5]),
        (OrderKind.SELECT, None, HARD_TWO, SUMS[3:8]),  # two of them for the second time
    ]
    assert made.notes == {"difficult_questions": 2, "targeted_draws": 10} and made.target is None
    assert [one.question_ids for one in plan(EmbedSel(neighbours=2)).orders] == [SUMS[:2], SUMS[3:5]]


def test_embed_sel_takes_a_random_subset_of_the_draws() -> None:
    # 4 of 10 draws, half of them of the first question: 2 on average; of 400 plans sd sqrt(4/4 * 6/9 / 400) = .04
    first = 0
    for seed in range(400):
        made = plan(EmbedSel(num_examples=4), seed=seed)
        assert made.notes["targeted_draws"] == len(drawn(made, OrderKind.SELECT)) == 4
        first += sum(order.count for order in made.orders if order.parent_id == HARD_ONE)
    assert 1.8 <= first / 400 <= 2.2


def test_embed_syn_goes_round_with_another_group_each_time() -> None:
    made = plan(EmbedSyn(num_examples=9))
    # 2 agreeing solutions an order: ceil(9 / 2) = 5 orders over two questions, so 3 of the one and 2 of the other
    assert sorted(Counter(order.parent_id for order in made.orders).values()) == [2, 3]
    assert made.target == 9 and made.notes == {"difficult_questions": 2, "questions_to_write": 5}
    near = {one.question_id: one.nearest for one in NEAR}
    for order in made.orders:
        assert (order.kind, order.skill, order.count) == (OrderKind.SYNTHESIZE, None, 1)
        assert len(set(order.question_ids)) == 3 and set(order.question_ids) <= set(near[order.parent_id or b""])
    assert len({(order.parent_id, order.question_ids) for order in made.orders}) == 5


def test_embed_syn_has_ten_groups_a_question_and_no_more() -> None:
    made = plan(EmbedSyn())
    # 5 choose 3 = 10 of each of two questions, though 9,500 pairs would need 4,750 orders: later waves send them again
    assert len(made.orders) == 20 and made.target == 9500
    assert len(plan(EmbedSyn(num_seeds=5)).orders) == 2
    few = Evidence(skill_map=POOL, neighbours=(Neighbours(question_id=HARD_ONE, nearest=SUMS[:2]),))
    assert [order.question_ids for order in plan(EmbedSyn(), few).orders] == [SUMS[:2]]


def test_embed_syn_at_the_papers_counts() -> None:
    near = tuple(Neighbours(question_id=content_id("far", i), nearest=SUMS[:5]) for i in range(500))
    made = plan(EmbedSyn(), Evidence(skill_map=POOL, neighbours=near))
    # the paper: 500 difficult questions, 4k unique new ones; here 9.5 for each
    assert len(made.orders) == 4750
    assert set(Counter(order.parent_id for order in made.orders).values()) == {9, 10}


def test_embed_syn_needs_what_can_be() -> None:
    with pytest.raises(ValueError, match="num_seeds 6 needs at least as many neighbours, not 5"):
        EmbedSyn(num_seeds=6)
    with pytest.raises(ValueError, match="min_agreement 4 needs at least as many solutions, not 3"):
        EmbedSyn(min_agreement=4)


@pytest.mark.parametrize("curriculum", [StatSel(keep=0.25), StatSyn(keep=0.25), EmbedSel(), EmbedSyn()])
def test_a_perfect_student_has_nothing_to_learn(curriculum: Curriculum) -> None:
    assert curriculum.needs == ({Need.NEIGHBOURS} if isinstance(curriculum, EmbedSel | EmbedSyn) else {Need.GAPS})
    assert (plan(curriculum, PERFECT).orders, plan(curriculum, PERFECT).target) == ((), None)


@pytest.mark.parametrize("name", CURRICULA)
def test_every_curriculum_travels(name: str) -> None:
    curriculum = CURRICULA[name]()
    assert curriculum.type == name  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(curriculum)) == curriculum
    memory = plan(curriculum).memory
    there_and_back = json.loads(json.dumps(dict(memory)))
    again = [curriculum.plan(EVIDENCE, m, random.Random(1)) for m in (memory, there_and_back)]
    assert again[0] == again[1]


@pytest.mark.parametrize("name", CURRICULA)
@settings(deadline=None)  # of the wall: a busy machine would fail it
@given(
    seed=st.integers(0, 2**32),
    missing=st.lists(st.lists(st.sampled_from(["sum", "product", "empty", "unheard"]), max_size=4), max_size=6),
    num_examples=st.integers(1, 60),
    keep=st.sampled_from([0.0, 0.25, 0.5]),
)
def test_what_every_plan_owes(name: str, seed: int, missing: list[list[str]], num_examples: int, keep: float) -> None:
    fields = {"num_examples": num_examples, "keep": keep, "replay": keep, "per_skill": num_examples}
    known = CURRICULA[name].model_fields
    curriculum = CURRICULA[name].model_validate({field: value for field, value in fields.items() if field in known})
    gaps = tuple(Gap(question_id=content_id("gap", i), missing_skills=tuple(m)) for i, m in enumerate(missing))
    near = tuple(Neighbours(question_id=gap.question_id, nearest=PRODUCTS[: len(gap.missing_skills)]) for gap in gaps)
    evidence = Evidence(skill_map=POOL, gaps=gaps, failures=FAILURES, neighbours=near)
    made = plan(curriculum, evidence, seed)
    assert made == plan(curriculum, evidence, seed)
    assert set(drawn(made, *OrderKind)) <= set(POOL.question_ids)
    if "num_examples" in known:
        assert len(drawn(made, OrderKind.SELECT, OrderKind.KEEP)) <= num_examples + 1  # the kept share is rounded
    written = [order.kind in WRITTEN for order in made.orders]
    assert written == sorted(written, reverse=True)  # a later wave sends the first orders again
    assert all(order.count > 0 and order.weight == 1.0 for order in made.orders)
    from_nothing = {order.kind for order in made.orders if not order.question_ids}
    assert from_nothing <= {OrderKind.TEXTBOOK, OrderKind.EXERCISE, OrderKind.CONCEPTS}


def test_a_million_questions_are_not_copied_for_every_order() -> None:
    ids = tuple(i.to_bytes(16, "big") for i in range(1_000_000))
    pool = SkillMap(question_ids=ids, levels=(4,) * len(ids), by_skill={"sum": ids})
    gaps = tuple(Gap(question_id=content_id("gap", i), missing_skills=("sum",)) for i in range(2000))
    near = tuple(Neighbours(question_id=gap.question_id, nearest=ids[:5]) for gap in gaps)
    started = time.process_time()
    looking = (StatSel(keep=0.25), StatSyn(keep=0.25), EmbedSel(), EmbedSyn())
    for curriculum in (*looking, Uniform(), Hard(), Augment(), Textbooks(replay=0.5), Exercises(), Mixture()):
        plan(curriculum, Evidence(skill_map=pool, gaps=gaps, neighbours=near))
    assert time.process_time() - started < 5.0  # measured .3 s; one copy an order takes 4000 * 5 ms = 20 s
