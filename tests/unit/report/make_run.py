"""A run folder with plausible numbers, for the report's tests. Every number is a plain function of its place."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from skillray.store.fence import UNFENCED
from skillray.store.files import commit, commit_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.types import content_id

GRAPH: dict[str, list[str]] = {
    "addition_without_carry": [],
    "addition_with_carry": ["addition_without_carry"],
    "subtraction_without_borrow": [],
    "subtraction_with_borrow": ["subtraction_without_borrow"],
    "single_digit_multiplication": ["addition_without_carry"],
    "exact_division": ["single_digit_multiplication"],
    "order_of_operations": ["addition_with_carry", "subtraction_with_borrow", "single_digit_multiplication"],
    "fraction_of_a_number": ["exact_division", "single_digit_multiplication"],
    "percentage": ["fraction_of_a_number"],
    "two_step_word_problem": ["order_of_operations", "exact_division"],
}
METHODS = ("stat-sel", "stat-syn", "uniform")
HELD_OUT = 400
STAGES = ("answer", "diagnose", "plan", "fulfil", "fine_tune")


def estimate(mean: float, n: int) -> dict[str, Any]:
    """A share with its normal 95% interval, cut to [0, 1]."""
    half = 1.96 * math.sqrt(mean * (1 - mean) / n)
    return {"mean": mean, "low": max(mean - half, 0.0), "high": min(mean + half, 1.0), "n": n}


def level(method: int, index: int, skill: int) -> float:
    """Accuracy of a method after a round on a skill: later skills are harder, the first method gains most."""
    return min(0.92 - 0.065 * (skill % 10) + (index + 1) * (0.17 - 0.05 * method) * (0.4 + 0.09 * (skill % 10)), 0.98)


def make_round(method: int, index: int, skills: list[str], profiled: bool) -> dict[str, Any]:
    shares = [level(method, index, i) for i in range(len(skills))]
    counts = {skill: round(60 * (1 - share)) for skill, share in zip(skills, shares, strict=True)}
    profile = {"counts": counts, "difficult": max([*counts.values(), 1]) * 2, "questions": 200, "judged_correct": 3}
    return {
        "round": index,
        "accuracy": estimate(sum(shares) / len(shares), HELD_OUT),
        "by_skill": {skill: estimate(share, 40) for skill, share in zip(skills, shares, strict=True)},
        "profile": profile if profiled else None,
        "tokens": 120_000 * (index >= 0),
        "steps": 60 * (index >= 0),
        "examples": 480 * (index >= 0),
        "notes": {"shortfall": 0.0, "unmapped": 2.0} if index >= 0 else {},
        "seconds": {"fine_tune": 40.5},
    }


def make_run(path: str, students: int = 3, rounds: int = 2, graph: dict[str, list[str]] | None = None) -> RunFolder:
    """Students and their rounds; the third is a control without a profile, and nobody has one after the last round."""
    run, graph = RunFolder(path), GRAPH if graph is None else graph
    names = [METHODS[i] if i < len(METHODS) else f"student-{i:02d}" for i in range(students)]
    commit_json(run.graph, {"skills": list(graph), "prerequisites": graph})
    commit(run.config, b"run: demo\nseed: 7\ntraining:\n  learning_rate: 2.0e-05\n  epochs: 3\n")
    commit_json(run.summary, summary(names, rounds, list(graph)))
    commit_json(run.status, status(names, rounds))
    for place, name in enumerate(names):
        for index in range(rounds):
            make_tables(run.round(name, index).segment(), place, index, list(graph))
    return run


def summary(names: list[str], rounds: int, skills: list[str]) -> dict[str, Any]:
    def student(place: int, name: str) -> dict[str, Any]:
        profiled = name != "uniform"
        made = [make_round(place % 3, i, skills, profiled and i < rounds - 1) for i in range(-1, rounds)]
        return {"method": METHODS[place % 3], "model": "tiny-2m", "stop_reason": "rounds_done", "rounds": made}

    comparisons = [
        {"a": "stat-sel", "b": "uniform", "difference": 0.081, "low": 0.034, "high": 0.127},
        {"a": "stat-syn", "b": "uniform", "difference": 0.021, "low": -0.012, "high": 0.055},
    ]
    made = {name: student(place, name) for place, name in enumerate(names)}
    return {"students": made, "comparisons": [c for c in comparisons if {c["a"], c["b"]} <= set(names)]}


def status(names: list[str], rounds: int) -> dict[str, Any]:
    seconds = {
        f"{name}/round-{index:03d}/{stage}": 4.0 + 7.5 * place + (55.0 if stage == "fine_tune" else 0.0) + 2 * student
        for student, name in enumerate(names)
        for index in range(rounds)
        for place, stage in enumerate(STAGES)
    }
    asked = {"requests": 310, "calls": 268, "cached": 42, "outcomes": {"ok": 301, "refused": 2, "truncated": 7}}
    asked |= {"prompt_tokens": 81_000, "completion_tokens": 9_400, "usd": 1.25}
    return {
        "run": "demo",
        "state": "done",
        "started_at": "2026-11-02 09:30 UTC",
        "students": {name: {"round": rounds - 1, "stage": None, "state": "done", "error": None} for name in names},
        "seconds": seconds,
        "usage": {
            "teacher": {
                "completion_tokens": 18_800,
                "by_task": {"name_missing_skills": asked, "write_questions": asked},
                "by_round": {f"{names[0]}/round-000": {"calls": 268, "completion_tokens": 18_800, "usd": 2.5}},
            }
        },
        "notes": ["The diagnosed models are not the trained one: the answers were recorded from a larger model."],
        "versions": {"ray": "2.60.0", "torch": "2.13.0"},
    }


def make_tables(folder: RoundFolder, place: int, index: int, skills: list[str]) -> None:
    """Orders, examples and the learning of 60 steps of 8 examples, whose loss falls from about 2 to about 0.4."""
    kind = "synthesize" if place % 3 == 1 else "select"
    wanted = [skill if place % 3 < 2 else None for skill in skills]
    orders = [order(kind, skill, 4 + 3 * i) for i, skill in enumerate(wanted)] + [order("keep", None, 16)]
    folder.table("orders").write(pa.Table.from_pylist(orders), fence=UNFENCED)
    examples = [example(i, kind if i % 5 else "keep") for i in range(20)]
    folder.table("examples").write(
        pa.Table.from_pylist(examples, schema=folder.table("examples").schema), fence=UNFENCED
    )
    write_learning(folder, [(s, loss(s + 60 * index, place) + 0.02 * e) for s in range(60) for e in range(8)])


def loss(step: int, place: int) -> float:
    return 0.4 + 0.12 * place + 1.6 * math.exp(-step / (25 + 4 * place)) + 0.05 * math.sin(1.7 * step + place)


def order(kind: str, skill: str | None, count: int) -> dict[str, Any]:
    return {
        "order_id": content_id(kind, skill or "", count),
        "kind": kind,
        "skill": skill,
        "parent_id": content_id("parent"),
        "question_ids": [content_id("question", count)],
        "count": count,
        "weight": 1.0,
        "unit": 0,
        "concepts": [],
    }


def example(index: int, origin: str, question: str = "", response: str = "") -> dict[str, Any]:
    question = question or f"Mia has {index + 12} shells and finds {index + 30} more. How many has she now?"
    return {
        "example_id": content_id(index, origin),
        "question_id": content_id(index),
        "question": question,
        "response": response or f"Step 1: {index + 12} + {index + 30} = {2 * index + 42}\nAnswer: {2 * index + 42}",
        "skills": ["addition_with_carry"],
        "origin": origin,
        "parents": [],
        "multiplicity": 1 + index % 3,
        "weight": 1.0,
        "unit": 0,
        "input_ids": [1, 2],
        "loss_mask": [False, True],
        "num_loss_tokens": 1,
    }


def write_learning(folder: RoundFolder, rows: list[tuple[int, float]], tokens: int = 10) -> None:
    """(step, loss) rows of `tokens` loss tokens each."""
    made = [
        {"example_id": content_id(i), "epoch": 0, "step": step, "slot": i % 8, "loss": loss, "num_tokens": tokens}
        for i, (step, loss) in enumerate(rows)
    ]
    folder.table("learning").write(pa.Table.from_pylist(made), fence=UNFENCED)
