"""`skillray plan`: counts that follow from the config."""

from __future__ import annotations

from skillray.config import parse
from skillray.loop.forecast import forecast

STUDENTS = [
    {"name": "control", "curriculum": {"type": "uniform", "num_examples": 50}},
    {"name": "syn", "curriculum": {"type": "stat-syn", "num_examples": 40}},
]
DATA = {"type": "domain", "pool_per_skill": 10, "profile_per_skill": 2, "held_out_per_skill": 3}


def test_round_0_is_shared_and_counted_once():
    steps = forecast(parse({"name": "r", "data": DATA, "students": STUDENTS}, "c")).steps
    assert [(step.student, step.verb) for step in steps] == [
        ("(all)", "prepare"),
        ("control", "answer"),
        ("control", "diagnose"),  # for the other student, which shares it
        ("control", "study"),
        ("control", "fine_tune"),
        ("control", "answer"),
        ("syn", "study"),
        ("syn", "fine_tune"),
        ("syn", "answer"),
        ("syn", "diagnose"),
    ]
    # 18 skills: 3 held out and 2 profile questions each
    assert steps[1].rows == "90 answers to 90 questions" and steps[5].rows == "54 answers to 54 questions"
    # 40 pairs at 2 agreeing solutions a question: 20 questions in 10 calls, 3 solutions each
    assert steps[6].teacher_calls == 10 + 60
    assert steps[2].teacher_calls == 36


def test_augment_asks_for_what_it_keeps_and_never_for_more_than_there_is():
    # 18 skills * 10 pool questions * 2 rewrites = 360
    def calls(num_examples: int) -> int:
        student = {"name": "a", "curriculum": {"type": "augment", "rewrites": 2, "num_examples": num_examples}}
        return forecast(parse({"name": "r", "data": DATA, "students": [student]}, "c")).teacher_calls

    assert (calls(100), calls(9500)) == (100, 360)


def test_a_local_ray_that_is_too_small_is_a_problem():
    config = {"name": "r", "data": DATA, "students": STUDENTS, "cluster": {"num_cpus": 4}}
    assert "cluster.num_cpus is 4" in forecast(parse(config, "c")).problems[0]
    assert not forecast(parse(config | {"cluster": {"num_cpus": 16}}, "c")).problems
