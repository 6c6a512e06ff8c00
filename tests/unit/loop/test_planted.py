"""Planted wrong answers: how many, where they stand, and that nothing else changes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillray.config.model import DomainData
from skillray.domains import DOMAINS
from skillray.loop.planted import misread, plant
from skillray.loop.questions import from_domain, question_of


def row(answer: str, *steps: str) -> dict:
    return {"question_id": answer.encode(), "answer": answer, "solution": "\n".join([*steps, f"#### {answer}"])}


@pytest.mark.parametrize(
    ("right", "steps"),
    [
        (row("74", "70+4=74"), ["70+4={}"]),
        (row("2", "40*2=80", "81-80=1"), ["40*2=80", "81-80=1"]),  # the quotient stands in no last step
        (row("1/3", "1/6+1/6=2/6", "2/6=1/3"), ["1/6+1/6=2/6", "2/6={}"]),
        (row("-6", "4-10=-6"), ["4-10={}"]),
        (row("5"), []),
    ],
)
def test_a_wrong_answer_stands_in_the_last_step_too(right: dict, steps: list[str]) -> None:
    (wrong,) = plant([right], 1.0, seed=0)
    assert wrong["question_id"] == right["question_id"]
    assert len(wrong["answer"]) == len(right["answer"]) and wrong["answer"] != right["answer"]
    expected = [*(step.format(wrong["answer"]) for step in steps), f"#### {wrong['answer']}"]
    assert [line for line in wrong["solution"].split("\n") if line] == expected


@given(st.from_regex(r"-?[1-9][0-9]{0,4}(/[1-9][0-9]?)?", fullmatch=True), st.integers(0, 99))
def test_one_digit_is_another(number: str, seed: int) -> None:
    wrong = misread(number, random.Random(seed))
    assert len(wrong) == len(number) and sum(a != b for a, b in zip(wrong, number, strict=True)) == 1


def test_a_tenth_of_the_pool_is_wrong_and_the_rest_as_it_was() -> None:
    sizes = {"pool_per_skill": 10, "profile_per_skill": 2, "held_out_per_skill": 2}
    said: list[str] = []
    clean = from_domain(DomainData(**sizes), seed=3)[0]
    planted = from_domain(DomainData(**sizes, wrong_answers=0.1), seed=3, tell=said.append)[0]
    assert said == ["data.wrong_answers: 18 of 180 pool questions have a wrong answer, planted"]
    assert planted["held_out"].equals(clean["held_out"]) and planted["profile"].equals(clean["profile"])
    pairs = list(zip(clean["pool"].to_pylist(), planted["pool"].to_pylist(), strict=True))
    wrong = [(before, now) for before, now in pairs if before != now]
    assert len(wrong) == 18
    assert all({name for name in now if now[name] != before[name]} == {"answer", "solution"} for before, now in wrong)
    checks = [DOMAINS["arithmetic"].check(question_of(before), now["solution"]) for before, now in wrong]
    assert all(steps[-1].score == 0.0 for steps in checks)
    assert planted["pool"].equals(from_domain(DomainData(**sizes, wrong_answers=0.1), seed=3)[0]["pool"])
