"""The served teacher: exact replies through Serve and the log, single flight, a replica that dies."""

from __future__ import annotations

import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from skillray.config import parse
from skillray.config.model import Placement
from skillray.domains import DOMAINS
from skillray.store.fence import UNFENCED
from skillray.teacher.reply_log import ReplyLog
from skillray.teacher.spending import Line, Spent
from skillray.teacher.tasks import Outcome, Solve, Task, WriteQuestions

pytestmark = pytest.mark.ray
CONFIG = parse({"name": "t", "students": [{"name": "a", "curriculum": {"type": "uniform"}}]}, "test")
APP = "teacher-tests"


@pytest.fixture
def served(local_ray, tmp_path):
    import ray

    from skillray.on_ray.reply_logs import served_teacher, start_log
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    start_teacher(APP, CONFIG.teacher, Placement(num_cpus=0.1), 120.0, print)
    log = start_log("teacher-tests", 0, str(tmp_path), UNFENCED, APP, CONFIG)
    yield served_teacher("teacher-tests", CONFIG.teacher, "a/round-000"), log, str(tmp_path)
    ray.kill(log)
    stop_teacher(APP)


def questions(count: int):
    rng = random.Random(0)
    return [DOMAINS["arithmetic"].generate("two_step_equation", 2, rng) for _ in range(count)]


def test_replies_are_exact_logged_and_never_paid_twice(served):
    import ray

    teacher, log, folder = served
    asked = [Solve(question=question, sample=0) for question in questions(300)]
    with ThreadPoolExecutor(2) as two_students:  # the same requests at once: one call each
        first, second = two_students.map(lambda _: teacher()(Task.SOLVE, asked), range(2))
    assert [reply.value for reply in first] == [request.question.solution for request in asked]
    assert first == second
    spent, known = ray.get(log.usage.remote())
    distinct = len({request.question.question for request in asked})
    assert spent == {Line("solve", "a/round-000", "ok"): Spent(distinct)} and known == {"solve": 600 - distinct}
    assert len(ReplyLog(folder, UNFENCED).index) == distinct  # acknowledged means on storage
    assert 1 <= len(os.listdir(folder)) <= 20  # flushed in groups, not one by one


def test_a_dead_replica_loses_nothing(served):
    from tests.faults.nemesis import processes

    teacher, _, _ = served
    ask = teacher()
    seeds = tuple(questions(3))
    assert ask(Task.WRITE_QUESTIONS, [WriteQuestions(skill="percentage", seeds=seeds, count=2, index=0)])
    (replica,) = processes("ray::ServeReplica:teacher-tests")
    os.kill(replica, signal.SIGKILL)
    replies = ask(
        Task.WRITE_QUESTIONS, [WriteQuestions(skill="percentage", seeds=seeds, count=2, index=n) for n in range(9)]
    )
    assert [reply.outcome for reply in replies] == [Outcome.OK] * 9


def test_tasks_of_other_teachers_are_unsupported(served):
    teacher, _, _ = served
    [reply] = teacher()(Task.COMPOSE, [Solve(question=questions(1)[0], sample=0)])
    assert reply.outcome is Outcome.UNSUPPORTED
