"""The dynamic update of a set of eight by hand."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from skillray.curriculum.base import Order, OrderKind
from skillray.curriculum.dynamics import Dynamics, Thresholds, Update, pairs, remark
from skillray.diagnosis.dynamics import Baseline
from skillray.store.schemas import CATEGORIES, ID
from skillray.types import Id, content_id

BASELINE = Baseline(mean=4.0, std=0.1)
SKILLS = ["sum", "sum", "sum", "product", "product", "sum", "sum", "product"]
# Losses (mean, std) of three epochs: averages 16 / 8 = 2 and 8 / 8 = 1.
LOSSES = {
    "wrong": (6.0, 0.1),
    "hard-1": (3.0, 1.9),
    "hard-2": (3.0, 1.0),
    "easy-1": (0.5, 0.5),
    "easy-2": (0.5, 0.5),
    "easy-3": (0.5, 0.5),
    "easy-4": (0.5, 1.0),
    "ambiguous": (2.0, 2.5),
}
NAMES = list(LOSSES)


def ids(*names: str) -> list[Id]:
    return [content_id(name) for name in names]


def question(name: str) -> Id:
    return content_id("question", name)


def outline(names: list[str] = NAMES, is_asked: bool = True) -> pa.Table:
    columns: dict[str, Any] = {
        "example_id": pa.array(ids(*names), ID),
        "question_id": pa.array([question(name) for name in names], ID),
        "skills": [[SKILLS[NAMES.index(name)], "other"] if name in NAMES else [] for name in names],
        "is_asked": [is_asked] * len(names),
        "weight": [1.0] * len(names),
        "multiplicity": [1] * len(names),
    }
    return pa.table(columns)


def history(losses: dict[str, tuple[float, float]] = LOSSES, observations: int = 3) -> pa.Table:
    rows = sorted((content_id(name), *both) for name, both in losses.items())
    columns = {"mean": [row[1] for row in rows], "std": [row[2] for row in rows]}
    counted = {"observations": [observations] * len(rows)}
    return pa.table({"example_id": pa.array([row[0] for row in rows], ID)} | columns | counted)


def update(
    dynamics: Dynamics,
    epoch: int = 3,
    losses: dict[str, tuple[float, float]] = LOSSES,
    names: list[str] = NAMES,
    seed: int = 0,
    baseline: Baseline | None = BASELINE,
    **more: Any,
) -> Update:
    made = dynamics.update(history(losses, **more), outline(names), baseline, epoch, random.Random(seed))
    assert made.categories.schema == CATEGORIES
    assert made.categories["example_id"].to_pylist() == ids(*names)
    return made


def of_kind(made: Update, kind: OrderKind) -> list[Order]:
    return [order for order in made.plan.orders if order.kind == kind]


def carried(made: Update) -> dict[float, set[Id]]:
    found = {order.weight: set(order.question_ids) for order in of_kind(made, OrderKind.CARRY)}
    assert len(found) == len(of_kind(made, OrderKind.CARRY))  # one order for each weight
    return found


def test_errors_go_hard_ones_get_company_easy_ones_are_light_and_composed_and_the_rest_stays() -> None:
    made = update(Dynamics(cap=1.0))
    assert made.categories["category"].to_pylist() == [name.split("-")[0].replace("wrong", "error") for name in NAMES]
    assert carried(made) == {
        1.0: set(ids("hard-1", "hard-2", "ambiguous")),
        0.5: set(ids("easy-1", "easy-2", "easy-3", "easy-4")),
    }
    augmented = of_kind(made, OrderKind.SYNTHESIZE)
    assert {(order.parent_id, order.question_ids, order.skill, order.count) for order in augmented} == {
        (content_id("hard-1"), (question("hard-1"),), "sum", 1),
        (content_id("hard-2"), (question("hard-2"),), "sum", 1),
    }
    composed = [order.question_ids for order in of_kind(made, OrderKind.COMPOSE)]
    assert sorted(one for pair in composed for one in pair) == sorted(question(f"easy-{n}") for n in (1, 2, 3, 4))
    assert all(order.skill is None for order in of_kind(made, OrderKind.COMPOSE))  # a sum with a product, twice
    kinds = [order.kind for order in made.plan.orders]
    assert kinds == sorted(kinds, key=lambda kind: kind == OrderKind.CARRY)  # what is written stands first
    assert made.plan.target == 4


def test_the_notes_count_everything() -> None:
    assert update(Dynamics(cap=1.0)).plan.notes == {
        **{"error": 1, "hard": 2, "easy": 4, "ambiguous": 1, "unseen": 0},
        **{"hard_above_mean": 2.0, "easy_up_to_std": 1.0, "error_from_mean": 4.0, "error_up_to_std": 0.1},
        **{"dropped": 1, "all_in_error_so_none_dropped": 0, "carried": 7, "of_them_downweighted": 4},
        **{"to_augment": 2, "to_compose": 2},
    }


@pytest.mark.parametrize(
    ("actions", "weights", "augmented", "composed"),
    [
        ((), {1.0: 8}, 0, 0),
        (("drop_error",), {1.0: 7}, 0, 0),
        (("downweight_easy",), {1.0: 4, 0.5: 4}, 0, 0),
        (("augment_hard",), {1.0: 8}, 2, 0),
        (("compose_easy",), {1.0: 8}, 0, 2),
    ],
)
def test_every_action_is_a_field(
    actions: tuple[Any, ...], weights: dict[float, int], augmented: int, composed: int
) -> None:
    made = update(Dynamics(actions=actions, cap=1.0))
    assert {weight: len(found) for weight, found in carried(made).items()} == weights
    assert (len(of_kind(made, OrderKind.SYNTHESIZE)), len(of_kind(made, OrderKind.COMPOSE))) == (augmented, composed)
    assert made.plan.target == (augmented + composed or None)


def test_new_examples_are_at_most_a_share_of_the_set_and_drawn_by_the_seed() -> None:
    drawn = Counter(
        order.question_ids
        for seed in range(400)
        for order in update(Dynamics(cap=0.3), seed=seed).plan.orders
        if order.kind is OrderKind.SYNTHESIZE
    )
    made = update(Dynamics(cap=0.3))
    assert made.plan.target == 2 == len(made.plan.orders) - 2  # 0.3 * 8 = 2.4, of four that could be
    # Each of the four orders is drawn in half of the draws: 200, sd sqrt(400 / 4) = 10; 5 sd = 50.
    assert set(drawn) == {(question("hard-1"),), (question("hard-2"),)}
    assert all(150 < count < 250 for count in drawn.values())
    assert update(Dynamics(cap=0.1)).plan.target is None
    assert update(Dynamics(cap=0.3), seed=5) == update(Dynamics(cap=0.3), seed=5)


def test_a_set_that_is_all_error_stays_and_says_so() -> None:
    wrong = dict.fromkeys(NAMES, (6.0, 0.1))
    made = update(Dynamics(), losses=wrong)
    assert carried(made) == {1.0: set(ids(*NAMES))}
    assert (made.plan.notes["dropped"], made.plan.notes["all_in_error_so_none_dropped"]) == (0, 1)
    assert made.plan.target is None


def test_a_set_in_one_category_is_treated_alike() -> None:
    easy = dict.fromkeys(NAMES, (0.5, 0.01))
    made = update(Dynamics(cap=1.0), losses=easy)
    assert carried(made) == {0.5: set(ids(*NAMES))} and made.plan.target == 4


def test_too_few_losses_change_nothing() -> None:
    made = update(Dynamics(), observations=2)
    assert carried(made) == {1.0: set(ids(*NAMES))} and made.plan.target is None
    assert made.plan.notes["unseen"] == 8 and "hard_above_mean" not in made.plan.notes


def test_new_examples_have_no_losses_yet_and_stay() -> None:
    made = update(Dynamics(), names=[*NAMES, "new"])
    assert content_id("new") in carried(made)[1.0]
    last = made.categories.slice(8).to_pylist()[0]
    assert (last["category"], last["observations"]) == ("unseen", 0) and math.isnan(last["mean"])


def test_what_was_dropped_before_counts_no_more() -> None:
    """The averages are those of the set: without `wrong` (6.0, 0.1) they are 10 / 7 and 7.9 / 7."""
    notes = update(Dynamics(), names=NAMES[1:]).plan.notes
    assert notes["hard_above_mean"] == pytest.approx(10 / 7) and notes["easy_up_to_std"] == pytest.approx(7.9 / 7)
    assert notes["error"] == notes["dropped"] == 0


def test_without_a_baseline_nothing_is_an_error() -> None:
    made = update(Dynamics(baseline=None, actions=("downweight_easy",)), baseline=None)
    assert made.plan.notes["error"] == 0 and made.plan.notes["hard"] == 3 and "error_from_mean" not in made.plan.notes


def test_an_easy_example_that_is_no_longer_easy_gets_its_weight_back() -> None:
    lighter = outline().set_column(4, "weight", pa.array([0.5] * 8))
    made = Dynamics().update(history(), lighter, BASELINE, 4, random.Random(0))
    assert content_id("ambiguous") in carried(made)[1.0] and content_id("easy-1") in carried(made)[0.5]


def test_passages_and_general_text_are_categorised_but_nothing_is_written_after_them() -> None:
    made = Dynamics(cap=1.0).update(history(), outline(is_asked=False), BASELINE, 3, random.Random(0))
    assert made.plan.target is None and made.plan.notes["hard"] == 2


def test_when_it_updates_and_when_it_has_new_ones_written() -> None:
    def epochs(dynamics: Dynamics) -> tuple[list[int], list[int]]:
        updates = [epoch for epoch in range(13) if dynamics.updates(epoch)]
        return updates, [epoch for epoch in updates if dynamics.regenerates(epoch)]

    assert epochs(Dynamics()) == ([*range(3, 13)], [3, 6, 9, 12])
    assert epochs(Dynamics(first=4, period=2)) == ([4, 6, 8, 10, 12], [4, 8, 10])  # from 7 and from 10 on
    assert epochs(Dynamics(period=3, regenerate_every=1)) == ([3, 6, 9, 12], [3, 6, 9, 12])
    assert epochs(Dynamics(actions=("drop_error",))) == ([*range(3, 13)], [])
    assert update(Dynamics(cap=1.0), epoch=4).plan.target is None


@given(st.lists(st.sampled_from("abcd")), st.integers(0, 9))
def test_pairs_cross_skills_as_long_as_there_are_two(skills: list[str], seed: int) -> None:
    rows = [{"skill": skill, "place": place} for place, skill in enumerate(skills)]
    made = pairs(rows, random.Random(seed))
    places = [row["place"] for pair in made for row in pair]
    assert len(set(places)) == len(places) == len(skills) // 2 * 2
    same = sum(one["skill"] == other["skill"] for one, other in made)
    most = max(Counter(skills).values(), default=0)
    assert same <= max(0, most - len(skills) // 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"baseline": None}, "'drop_error' needs a baseline"),
        ({"actions": ("drop_error", "drop_error")}, "'drop_error' stands twice"),
        ({"cap": 0.0}, "greater than 0"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Dynamics(**fields)


def test_the_bounds_are_noted_with_their_factors() -> None:
    factors = Thresholds(error_mean=2.0, error_std=3.0, mean=0.5, std=4.0)
    notes = update(Dynamics(thresholds=factors)).plan.notes
    assert (notes["hard_above_mean"], notes["easy_up_to_std"]) == (1.0, 4.0)
    assert (notes["error_from_mean"], notes["error_up_to_std"]) == (8.0, pytest.approx(0.3))


def test_an_update_that_could_not_do_its_work_says_so_in_one_line() -> None:
    wrong, easy = dict.fromkeys(NAMES, (6.0, 0.1)), dict.fromkeys(NAMES, (0.5, 0.01))
    assert remark(update(Dynamics(), losses=wrong).plan.notes) == (
        "all 8 examples are in error, so none was dropped; check their answers, or the error baseline"
    )
    assert remark(update(Dynamics(actions=()), losses=wrong).plan.notes) == (
        "all 8 examples are error; nothing tells them apart"
    )
    assert remark(update(Dynamics(), losses=easy).plan.notes) == "all 8 examples are easy; nothing tells them apart"
    with_new = update(Dynamics(), losses=easy, names=[*NAMES, "new"]).plan.notes  # no losses yet
    assert remark(with_new) == "all 8 examples with 3 losses are easy; nothing tells them apart"
    as_many_new = update(Dynamics(), names=[*NAMES, *map(str, range(len(NAMES)))]).plan.notes
    assert as_many_new["unseen"] == len(NAMES) and remark(as_many_new) is None  # not one category: those without losses
    assert remark(update(Dynamics(), observations=2).plan.notes) == (
        "no example had 3 losses yet, so nothing was edited; raise dynamics.first"
    )
    assert remark(update(Dynamics()).plan.notes) is None and remark({"pairs": 3.0}) is None


def test_an_error_baseline_that_is_no_higher_than_the_mean_is_told() -> None:
    notes = {"error": 2, "hard": 3, "easy": 4, "ambiguous": 1, "unseen": 0, "all_in_error_so_none_dropped": 0}
    told = remark(notes | {"error_from_mean": 0.4, "hard_above_mean": 0.4})
    assert told is not None and told.startswith(
        "the error baseline (0.4 nats) is no higher than the mean loss, so the 2"
    )
    assert remark(notes | {"error_from_mean": 0.5, "hard_above_mean": 0.4}) is None
    assert remark(notes | {"hard_above_mean": 0.4}) is None  # no baseline
    assert remark(notes | {"error": 0, "error_from_mean": 0.4, "hard_above_mean": 0.4}) is None
