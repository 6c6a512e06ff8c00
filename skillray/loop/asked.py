"""Which tasks a run's config will have its teacher do."""

from __future__ import annotations

from collections.abc import Iterator

from skillray.config.model import RunConfig
from skillray.config.students import Stage
from skillray.curriculum.answers import Rewrites, answers_of
from skillray.curriculum.base import Need
from skillray.teacher.llm_teacher import SAMPLING
from skillray.teacher.settings import TeacherConfig
from skillray.teacher.tasks import Task


def tasks_of(config: RunConfig) -> frozenset[Task]:
    return frozenset(_tasks(config))


def is_asked(config: RunConfig, teacher: TeacherConfig) -> bool:
    """Whether any task of the run is for `teacher`, which is one of `config.teachers`."""
    return any(config.teacher_for(task) is teacher for task in tasks_of(config))


def longest_task(config: RunConfig, teacher: TeacherConfig) -> tuple[Task, int] | None:
    """The task of `teacher` with the longest reply, in tokens; None where it is asked nothing."""
    tokens = {
        task: most_tokens(teacher, task) for task in sorted(tasks_of(config)) if config.teacher_for(task) is teacher
    }
    return max(tokens.items(), key=lambda item: item[1]) if tokens else None


def most_tokens(teacher: TeacherConfig, task: Task) -> int:
    """Of one reply; an exact teacher writes none."""
    if teacher.type == "domain":
        return 0
    return teacher.max_tokens.get(task, int(SAMPLING[task]["max_tokens"]))


def _tasks(config: RunConfig) -> Iterator[Task]:
    if config.data.type == "tables" and config.data.labelling is not None:
        yield Task.LABEL_SKILLS
        if config.graph is None:
            yield Task.CLUSTER_SKILLS
    if config.graph is not None and config.graph.type == "decompose":
        yield Task.DECOMPOSE
    for stage in (stage for student in config.students for stage in student.all_stages):
        if Need.GAPS in stage.curriculum.needs and config.diagnosis.source == "teacher":
            yield Task.NAME_MISSING_SKILLS
        yield from sorted(stage.curriculum.tasks)
        if isinstance(answers_of(stage.curriculum), Rewrites):
            yield Task.SOLVE
        yield from _of_updates(stage)


def _of_updates(stage: Stage) -> Iterator[Task]:
    if stage.dynamics is not None and stage.dynamics.writes:
        yield from (Task.WRITE_QUESTIONS, Task.COMPOSE, Task.SOLVE)
