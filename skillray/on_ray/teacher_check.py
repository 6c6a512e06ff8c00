"""`skillray teacher check`: a teacher of its own on Ray, asked what is known, and taken down."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from functools import partial

import ray

from skillray.config import RunConfig
from skillray.evaluation.belief import Figure
from skillray.grading.pool import AnswerPool
from skillray.loop.teacher_check import PARTS, Known, measure
from skillray.on_ray.cluster import connected
from skillray.on_ray.reply_logs import start_log, teachers_of
from skillray.on_ray.runner import namespace_of, teacher_of
from skillray.on_ray.teacher import start_teacher, stop_teacher
from skillray.protocols import OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.fence import Fence
from skillray.store.layout import RunFolder
from skillray.teacher.settings import TeacherCheck


def check_on_ray(config: RunConfig, known: Known, graph: SkillGraph, fence: Fence) -> dict[str, Figure]:
    """Every figure that can be measured; the replies are in the run's own log, where the run finds them."""
    with connected(config.cluster, config.name):
        return check_connected(config, known, graph, fence)


def check_connected(config: RunConfig, known: Known, graph: SkillGraph, fence: Fence) -> dict[str, Figure]:
    """On the Ray that is connected. What is started here ends here."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # its news would stand between our lines
    check = config.teacher_check or TeacherCheck()
    with (
        _teachers(config, fence) as teacher,
        contextlib.closing(AnswerPool(1, config.grading.answer_timeout_s)) as pool,
    ):
        ask = teacher()
        figures: dict[str, Figure] = {}
        for part in PARTS:
            figures |= measure(part, known, graph, check, ask, pool.same)
    return figures


@contextlib.contextmanager
def _teachers(config: RunConfig, fence: Fence) -> Iterator[OpenTeacher]:
    run, namespace, app = RunFolder(fence.run), namespace_of(config.name, fence), teacher_of(config.name, fence)
    apps, logs = [], []
    start = partial(start_teacher, timeout_s=config.cluster.start_timeout_s, log=print)
    try:
        for by in (None, *config.teacher_by_task):
            teacher, name = (config.teacher, "") if by is None else (by.teacher, by.name)
            apps.append(f"{app}-{name}" if name else app)
            start(apps[-1], teacher, config.placement.teacher)
            for shard in range(teacher.shards):
                logs.append(start_log(namespace, shard, run.replies(shard, name), fence, apps[-1], config, by))
        yield teachers_of(namespace, config, "teacher-check")
    finally:
        for log in logs:
            ray.kill(log)
        for one in apps:
            stop_teacher(one)
