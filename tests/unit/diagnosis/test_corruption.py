"""What is made wrong for the error baseline, by hand."""

from __future__ import annotations

import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillray.diagnosis.corruption import corrupt, exchanged, kind_for
from skillray.domains.arithmetic import ARITHMETIC
from skillray.errors import DataError

ANSWERED = ["1+1=2\n#### 2", "2+1=3\n#### 3", "no answer", "3-1=2\n#### 2", "9 #### is 9\n#### 9", "####"]


def examples(responses: list[str]) -> pa.Table:
    """Each to a question of its own."""
    return pa.table({"question": [f"{n}?" for n in range(len(responses))], "response": responses})


def test_answers_change_places_and_steps_stay() -> None:
    found = dict(corrupt(examples(ANSWERED), 0.99, "answers", random.Random(0)))
    assert sorted(found) == [0, 1, 3, 4]  # without an answer there is none to exchange
    for row, new in found.items():
        steps, _, answer = new.rpartition("####")
        assert steps == ANSWERED[row].rpartition("####")[0] and answer.strip() != ANSWERED[row][-1]
    assert Counter(new[-1] for new in found.values()) == Counter("2329")


BOXED = [
    "So $1+1=2$, which is $\\boxed{2}$.",
    "Half of it: \\boxed{\\frac{1}{2}}",
    "First \\boxed{7}, no: \\boxed{8}\nQED",
    "The answer is 5. I hope it is correct.",
    "A: 6",
]


def test_answers_change_places_however_they_are_marked() -> None:
    """A teacher that is a language model ends in a box; the reference solutions of a pool in ####."""
    found = dict(corrupt(examples([*BOXED, "3\n#### 3"]), 0.99, "answers", random.Random(0)))
    assert sorted(found) == list(range(6))
    around = [("So $1+1=2$, which is $\\boxed{", "}$."), ("Half of it: \\boxed{", "}")]
    around += [("First \\boxed{7}, no: \\boxed{", "}\nQED"), ("The answer is ", ". I hope it is correct."), ("A: ", "")]
    taken = []
    for row, (before, after) in enumerate([*around, ("3\n#### ", "")]):
        assert found[row].startswith(before) and found[row].endswith(after)
        taken.append(found[row].removeprefix(before).removesuffix(after))
    own = ["2", "\\frac{1}{2}", "8", "5", "6", "3"]
    assert sorted(taken) == sorted(own) and all(new != old for new, old in zip(taken, own, strict=True))


def test_solutions_change_places_whole() -> None:
    found = dict(corrupt(examples(ANSWERED[:3]), 0.99, "solutions", random.Random(0)))
    assert sorted(found) == [0, 1, 2] and all(found[row] != ANSWERED[row] for row in found)
    assert sorted(found.values()) == sorted(ANSWERED[:3])


def test_the_share_is_of_all_examples_and_never_under_two() -> None:
    many = examples([f"#### {n}" for n in range(200)])
    assert len(corrupt(many, 0.05, "answers", random.Random(0))) == 10
    assert len(corrupt(many, 0.001, "answers", random.Random(0))) == 2
    assert corrupt(many, 0.05, "answers", random.Random(1)) != corrupt(many, 0.05, "answers", random.Random(2))


@pytest.mark.parametrize("responses", [[], ["#### 1"], ["#### 1", "so 2", r"\boxed{1}"], ["####", "####"]])
def test_nothing_to_exchange_is_one_line(responses: list[str]) -> None:
    said = r"^dynamics.baseline: .*; set corruption 'solutions', or it null without drop_error$"
    with pytest.raises(DataError, match=said):
        corrupt(examples(responses), 0.5, "answers", random.Random(0))
    with pytest.raises(DataError, match=r"no two different responses; set it null without drop_error$"):
        corrupt(examples(["same", "same"]), 0.5, "solutions", random.Random(0))


def test_one_that_differs_is_drawn_where_there_is_any() -> None:
    table = examples(["#### yes"] * 39 + ["#### no"])
    for seed in range(30):
        found = dict(corrupt(table, 0.05, "answers", random.Random(seed)))
        assert found[39] == "#### yes" and sorted(found.values()) == ["#### no", "#### yes"]


def test_another_right_solution_of_its_question_is_no_wrong_one() -> None:
    table = pa.table({"question": ["a?", "a?", "b?"], "response": ["1+1=2", "it is 2", "no: 3"]})
    for seed in range(30):
        for row, new in corrupt(table, 0.99, "solutions", random.Random(seed)):
            assert (new == "no: 3") is (row != 2)
    several = pa.table({"question": [f"{n // 3}?" for n in range(36)], "response": [f"so {n}" for n in range(36)]})
    for seed in range(100):  # two are drawn, and another one where both are of one question
        found = corrupt(several, 0.05, "solutions", random.Random(seed))
        assert len(found) == 2 and len({row // 3 for row, _ in found}) == 2


@given(st.lists(st.sampled_from("abcd")))
def test_nobody_gets_its_own(values: list[str]) -> None:
    given_ = exchanged(values, range(len(values)))
    most = max(Counter(values).values(), default=0)
    assert all(new != old for new, old in zip(given_, values, strict=True))
    assert given_.count(None) == max(0, 2 * most - len(values))
    if None not in given_:
        assert sorted(v for v in given_ if v) == sorted(values)


def test_answers_are_exchanged_where_a_mean_loss_can_show_it() -> None:
    """1 of 50 characters is MIN_SHARE; one more hides the answer."""
    short, long = "x" * 43 + "\n#### 5", "x" * 44 + "\n#### 5"
    assert (len(short), kind_for([short]), kind_for([long])) == (50, "answers", "solutions")
    assert kind_for([short, short, long]) == "answers"  # the median decides
    assert kind_for([]) == kind_for(["no answer"]) == "answers"
    table = examples([f"{'so ' * 40}\n#### {n}" for n in range(10)])
    found = corrupt(table, 0.5, "auto", random.Random(0))
    assert found == corrupt(table, 0.5, "solutions", random.Random(0))
    assert corrupt(examples(ANSWERED), 0.99, "auto", random.Random(0)) == corrupt(
        examples(ANSWERED), 0.99, "answers", random.Random(0)
    )


@pytest.mark.parametrize("skill", ARITHMETIC.skills_of())
def test_the_domain_s_own_solutions_exchange_answers(skill: str) -> None:
    solutions = [ARITHMETIC.generate(skill, level, random.Random(n)).solution for n in range(20) for level in (1, 2, 3)]
    assert kind_for(solutions) == "answers"
