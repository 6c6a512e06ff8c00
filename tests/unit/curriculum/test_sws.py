"""SwS by hand: two categories, and which concepts fail together."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from skillray.curriculum import Sws
from skillray.curriculum.base import Evidence, Failures, Gap, OrderKind, Plan, SkillMap
from skillray.curriculum.concepts import Concepts, by_share
from skillray.types import content_id

POOL = SkillMap(question_ids=(), levels=(), by_skill={})
NAMED = [("a", "b"), ("a", "b"), ("a", "c"), ("d",)]
GAPS = (
    *(Gap(question_id=content_id(n), missing_skills=named, category="algebra") for n, named in enumerate(NAMED)),
    Gap(question_id=content_id("g"), missing_skills=("x", "y"), category="geometry"),
)
FAILURES = (
    Failures(name="algebra", asked=8, failed=4),
    Failures(name="calculus", asked=9, failed=3),
    Failures(name="geometry", asked=4, failed=1),
    Failures(name="logic", asked=5, failed=0),
)


def plan(seed: int = 0, **fields: int) -> Plan:
    evidence = Evidence(skill_map=POOL, gaps=GAPS, failures=FAILURES)
    return Sws.model_validate(fields).plan(evidence, {}, random.Random(seed))


def test_the_budget_goes_by_failure_ratios() -> None:
    made = plan(num_examples=30, concepts=2)
    # 4/8 and 1/4 of 3/4: 20 and 10; nobody named a concept for calculus, and logic does not fail
    of_geometry = [order for order in made.orders if {order.skill, *order.concepts} <= {"x", "y"}]
    assert (len(made.orders), len(of_geometry), made.target) == (30, 10, 30)
    assert made.notes == {"categories": 2, "categories_without_concepts": 1, "questions_to_write": 30}
    assert {(order.kind, order.count, order.question_ids) for order in made.orders} == {(OrderKind.CONCEPTS, 1, ())}
    assert len({order.order_id(place) for place, order in enumerate(made.orders)}) == 30


def test_shares_sum_to_the_whole() -> None:
    assert by_share({"a": 1.0, "b": 1.0, "c": 1.0}, 10) == {"a": 4, "b": 3, "c": 3}
    assert by_share({"a": 0.5, "b": 0.25}, 4) == {"a": 3, "b": 1}  # 2.67 and 1.33


def test_the_first_concept_goes_by_frequency() -> None:
    concepts = Concepts.of(NAMED)
    assert concepts.frequency == {"a": 3, "b": 2, "c": 1, "d": 1}
    assert concepts.together[("a", "b")] == concepts.together[("b", "a")] == 2 and ("b", "c") not in concepts.together
    # 3 of 7 begin with a: of 1,400 draws 600, sd sqrt(1400 * 3/7 * 4/7) = 18.5; 5 sd = 93
    first = Counter(concepts.draw(1, random.Random(seed))[0] for seed in range(1400))
    assert 507 <= first["a"] <= 693 and set(first) == {"a", "b", "c", "d"}


def test_the_next_concept_is_one_that_fails_with_the_chosen_ones() -> None:
    concepts = Concepts.of(NAMED)
    # After a: scores b 2, c 1, d 0, so weights 1, e^-5, e^-10: b comes in 99.3%, of 400 draws 397, sd 1.7
    after_a = [pair[1] for seed in range(1200) if (pair := concepts.draw(2, random.Random(seed)))[0] == "a"]
    assert len(after_a) > 400 and after_a.count("b") / len(after_a) > 0.97
    assert sorted(concepts.draw(9, random.Random(0))) == ["a", "b", "c", "d"]  # each once, as many as there are


def test_no_set_comes_twice_before_all_came() -> None:
    concepts = Concepts.of([("a", "b"), ("c",)])
    sets = [frozenset(one) for one in islice(concepts.sets(1, random.Random(0)), 6)]
    assert len(set(sets[:3])) == 3 and len(set(sets[3:])) == 3


def test_nothing_fails_or_nobody_named_a_concept() -> None:
    for evidence in (Evidence(skill_map=POOL), Evidence(skill_map=POOL, failures=FAILURES)):
        assert Sws().plan(evidence, {}, random.Random(0)).orders == ()


def test_a_band_that_no_number_of_samples_meets_is_refused() -> None:
    with pytest.raises(ValueError, match=r"accuracy 0\.3 to 0\.45: no number of right answers among 2 samples"):
        Sws(samples=2, accuracy=(0.3, 0.45))
