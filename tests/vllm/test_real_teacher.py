"""SmolLM2, a real and weak model, as the teacher: its replies end as outcomes, and nothing is paid twice."""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.evaluation.belief import Figure
from skillray.grading.pool import AnswerPool
from skillray.loop.questions import from_domain
from skillray.loop.teacher_check import PARTS, Known, below, made_answers, measure
from skillray.store.fence import UNFENCED
from skillray.teacher.reply_log import ReplyLog
from skillray.teacher.settings import TeacherCheck
from skillray.teacher.tasks import Outcome

FOLDER = os.environ.get("SKILLRAY_SMOLLM2", "/tmp/models/smollm2")
MISSING = importlib.util.find_spec("vllm") is None or not os.path.isfile(os.path.join(FOLDER, "config.json"))
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MISSING, reason=f"needs vllm, and SmolLM2-135M-Instruct in {FOLDER} (SKILLRAY_SMOLLM2)"),
]
APP = "teacher-smollm2"
CHECK = TeacherCheck(samples=6)
SHORT = {"name_missing_skills": 160, "label_skills": 120, "solve": 160, "write_questions": 240}
"""Tokens; a weak model that does not stop is cut off sooner."""


@pytest.fixture(scope="module")
def asked(local_ray: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, Path]]:
    import ray

    from skillray.on_ray.reply_logs import served_teacher, start_log
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    teacher = {"type": "vllm", "model": FOLDER, "dtype": "bfloat16", "timeout_s": 600.0, "max_tokens": SHORT}
    data = {"type": "domain", "pool_per_skill": 2, "profile_per_skill": 2, "held_out_per_skill": 1}
    students = [{"name": "a", "curriculum": {"type": "uniform"}}]
    config = parse({"name": "smollm2", "students": students, "teacher": teacher, "data": data}, "test")
    folder = tmp_path_factory.mktemp("log")
    try:
        start_teacher(APP, config.teacher, config.placement.teacher, 300.0, print)
        log = start_log("smollm2", 0, str(folder), UNFENCED, APP, config)
        yield served_teacher("smollm2", config.teacher, "a/round-000")(), config, folder
        ray.kill(log)
    finally:
        stop_teacher(APP)


def test_a_weak_teacher_is_measured_and_refused_and_asked_nothing_twice(asked: tuple[Any, Any, Path]) -> None:
    ask, config, folder = asked
    tables, graph = from_domain(config.data, 0)
    profile, pool = tables["profile"].to_pylist(), tables["pool"].to_pylist()
    known = Known(answers=made_answers(profile, 0), profile=profile, pool=pool)

    def figures() -> dict[str, Figure]:
        found: dict[str, Figure] = {}
        with AnswerPool() as answers:
            for part in PARTS:
                found |= measure(part, known, graph, CHECK, ask, answers.same)
        return found

    first = figures()
    assert {name: one.cases for name, one in first.items()} == dict.fromkeys(first, CHECK.samples)
    outcomes = sum((Counter(one.outcomes) for one in first.values()), Counter[str]())
    assert outcomes.total() == CHECK.samples * len(first) and set(outcomes) <= {str(one) for one in Outcome}
    assert Outcome.FAILED not in outcomes
    assert below(first, CHECK), first  # 135M parameters do not judge, label and solve
    paid = ReplyLog(str(folder), UNFENCED)
    calls, again = paid.total.calls, figures()
    lost = sum(1 for line in paid.spent if line.outcome in (Outcome.MALFORMED, Outcome.TRUNCATED))
    assert again.keys() == first.keys()
    most = sum(
        spent.calls for line, spent in paid.spent.items() if line.outcome in (Outcome.MALFORMED, Outcome.TRUNCATED)
    )
    assert ReplyLog(str(folder), UNFENCED).total.calls - calls <= most, lost  # only faults are asked again
