"""The fleet: which students run, what became of each, and the one file that says so.

student a ── run_student ──┐
student b ── run_student ──┼──> status.json        students never wait for each other; what they share
student c ── run_student ──┘                       (teacher, base checkpoint, GPUs) bounds them
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from skillray.config.students import StudentConfig
from skillray.errors import DeadlineError, SkillrayError, UnbelievableTeacherError
from skillray.loop.rounds import Verbs, run_student
from skillray.store.fence import Fence
from skillray.store.files import exists
from skillray.store.records import Progress, Status, read_record

T = TypeVar("T")
Describe = Callable[[BaseException], str]
"""Gives an error as one line, and writes its traceback to a file."""


class StatusFile:
    """status.json: mutable progress, written whole after each change. Its memory is a cache of the file.

    A new driver takes over what an earlier one noted, but for how the run ended and what ran then.

    Raises:
        TableError: the file is damaged, or another version wrote it.
    """

    def __init__(self, path: str, run: str, fence: Fence) -> None:
        self.path = path
        self.fence = fence
        noted = read_record(path, Status) if exists(path) else Status(started_at=_now())
        fresh = {"run": run, "epoch": fence.epoch, "state": "running", "error": None, "running": ()}
        self.record = noted.model_copy(update=fresh)

    @property
    def attempts(self) -> dict[str, int]:
        return self.record.attempts

    @property
    def training(self) -> dict[str, int]:
        return self.record.training

    @property
    def jobs(self) -> list[str]:
        return self.record.jobs

    def note(self, **fields: Any) -> None:
        """Change fields of the record and write it."""
        self.record = self.record.model_copy(update=fields)
        self.save()

    def student(self, name: str, **fields: Any) -> None:
        """Change what is noted of one student, and write it."""
        self.record.students[name] = self.record.students.get(name, Progress()).model_copy(update=fields)
        self.save()

    def add_seconds(self, step: str, seconds: float) -> None:
        """Add to what a step took; a step that was killed and done again counts twice."""
        self.record.seconds[step] = round(self.record.seconds.get(step, 0.0) + seconds, 3)
        self.save()

    def save(self) -> None:
        self.fence.commit_json(self.path, self.record.model_dump(mode="json"))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


async def run_fleet(
    students: Sequence[StudentConfig], rounds: int, on: Verbs, status: StatusFile, describe: Describe
) -> bool:
    """Run every student to its end; True when none failed.

    Raises:
        UnbelievableTeacherError: the teacher is not to be believed; the other students are stopped.
    """

    async def run(student: StudentConfig) -> bool:
        status.student(student.name, state="running", error=None, method=student.method)
        try:
            stop = await run_student(student, student.rounds(rounds), on)
        except Exception as error:  # whatever broke one student must not touch the others
            status.student(student.name, state="failed", error=describe(error))
            if (unbelievable := _unbelievable(error)) is not None:
                raise unbelievable from None  # but nobody is to learn from this teacher: the run ends
            return False
        status.student(student.name, state="done", stop_reason=str(stop))
        return True

    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(run(student)) for student in students]
    except ExceptionGroup as errors:  # the first has stopped the others
        raise errors.exceptions[0] from None
    return all(task.result() for task in running)


def _unbelievable(error: BaseException) -> UnbelievableTeacherError | None:
    """The refusal of a teacher among what a student's concurrent verbs raised."""
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            if (refusal := _unbelievable(member)) is not None:
                return refusal
        return None
    return error if isinstance(error, UnbelievableTeacherError) else None


async def within(limit_s: float, call: Awaitable[T], late: str) -> T:
    """Await `call` for at most `limit_s` seconds, and return its result.

    Raises:
        DeadlineError: it took longer, with the text `late`; or it raised a `DeadlineError` of its own, which is kept.
    """
    try:
        return await asyncio.wait_for(call, limit_s)
    except TimeoutError as error:
        if isinstance(error, DeadlineError):
            raise
        raise DeadlineError(late) from None


def one_line(error: BaseException) -> str:
    """An error as one line for a user: our own errors say all, others get their type's name in front."""
    while isinstance(error, BaseExceptionGroup):  # of a student's concurrent verbs: the first says enough
        error = error.exceptions[0]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else "no message"
    return text if isinstance(error, SkillrayError) else f"{type(error).__name__}: {text}"
