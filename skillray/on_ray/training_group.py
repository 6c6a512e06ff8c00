"""Worker groups that train students in turn: `TrainingGroup` runs one, `Trainer` says which student trains in which.

A worker group takes tens of seconds to start. So a student that is ready joins the group that is there, unless
`placement.train.max_workers` allows another; a group ends when nobody waits for it, and holds a GPU idle only for the
seconds between a probe and its round.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from dataclasses import dataclass, field
from typing import Any

import ray

from skillray.config import RunConfig, StudentConfig, load_config
from skillray.coordinator.fleet import StatusFile
from skillray.errors import DeadlineError, SkillrayError, StageError
from skillray.on_ray.runner import Attempts, died, hold_lease, log_to, replaced
from skillray.on_ray.train_jobs import TrainPart, train_job
from skillray.store.fence import Fence
from skillray.store.layout import RunFolder
from skillray.training.queue import JobQueue

LOOK_S = 1.0
"""Seconds between two looks at what the workers have finished."""
CLOSE_S = 60.0
"""For Ray Train to put its workers away; it takes two or three seconds."""


class TrainingGroup:
    """One worker group, in a detached actor with a lease; who asks again for a student waits for the same result."""

    def __init__(self, fence: Fence, namespace: str, name: str) -> None:
        hold_lease(fence, namespace)
        self._fence, self._run, self._name = fence, RunFolder(fence.run), name
        self._queue = JobQueue(self._run.file("train", name.replace("/", "-"), "queue"))
        self._results: dict[str, asyncio.Future[float]] = {}
        self._draining: asyncio.Task[None] | None = None

    async def train(self, student: str, round_index: int, part: TrainPart) -> float:
        """Seconds of training, start-up and waiting not included; raises what the job ended with."""
        key = _key(student, round_index, part)
        if key not in self._results:
            self._results[key] = asyncio.get_running_loop().create_future()
            try:
                await asyncio.to_thread(self._add, key, student, round_index, part)
            except BaseException:  # whatever it was: who asks again tries again
                del self._results[key]
                raise
            if self._draining is None or self._draining.done():
                self._draining = asyncio.create_task(self._drain())
                self._draining.add_done_callback(self._fail_all)
        return await asyncio.shield(self._results[key])

    async def turn(self, student: str, round_index: int, part: TrainPart) -> None:
        """Returns when no other job is before it, or `train` has returned. It may come before `train`: Ray does not
        start the calls of an actor that is only starting in their order.
        """
        key, known = _key(student, round_index, part), False
        while not known or (key in self._results and not self._results[key].done()):
            known = known or key in self._results
            if known and (await asyncio.to_thread(self._queue.waiting))[:1] == [key]:
                return
            await asyncio.sleep(LOOK_S)

    async def idle(self) -> None:
        """Returns when no worker group is up."""
        if self._draining is not None:
            await asyncio.shield(self._draining)

    async def stop(self, student: str, round_index: int, part: TrainPart) -> None:
        """Nobody decides about its next segment any more."""
        reason = "the student's run has ended"
        await asyncio.to_thread(self._queue.stop, _key(student, round_index, part), reason)

    async def progress(self, student: str, round_index: int, part: TrainPart) -> tuple[int, int, str]:
        """(done, total, unit)"""
        found = await asyncio.to_thread(self._queue.progress)
        if found is None or found.key != _key(student, round_index, part):
            return 0, 0, ""
        return found.done, found.total, "steps"

    def _add(self, key: str, student: str, round_index: int, part: TrainPart) -> None:
        from skillray.on_ray.verbs import Runner

        config = load_config(self._run.config)
        chosen = tuple(one for one in config.students if one.name == student)
        runner = Runner(self._run, config, chosen, round_index, self._fence)
        self._queue.add(key, train_job(runner, part))

    async def _drain(self) -> None:
        """Fit until nothing waits: a student may join just when the workers have seen that the queue is empty."""
        while await asyncio.to_thread(self._queue.waiting):
            work = asyncio.create_task(asyncio.to_thread(self._fit))
            while not work.done():
                await asyncio.wait([work], timeout=LOOK_S)
                await self._tell()
            work.result()

    def _fail_all(self, draining: asyncio.Task[None]) -> None:
        """A bug of ours, or storage that failed: nobody waits for what does not come."""
        if draining.cancelled() or (error := draining.exception()) is None:
            return
        for result in self._results.values():
            if not result.done():
                result.set_exception(error)

    def _fit(self) -> None:
        from skillray.on_ray.train import fit  # seconds of import

        config = load_config(self._run.config)
        name = f"{self._name.replace('/', '-')}-{time.time_ns():x}"
        before = self._queue.reached()
        try:
            log, wait = self._run.file("logs", name), config.cluster.stage_timeout_s
            fit(self._queue, config.training, config.placement.train, name, log, wait)
        except Exception as error:  # whatever ended the group: the student under way pays, the others go on
            log_to(self._run, f"{name}-fit", traceback.format_exc())
            if self._queue.reached() > before:
                return  # weeks of training lose more workers than a group may: the next one goes on from where it got
            failure = error if isinstance(error, SkillrayError) else StageError(f"fine_tune: {error!r}")
            self._queue.finish(self._queue.waiting()[0], failure, 0.0)

    async def _tell(self) -> None:
        """Who waits for a job that has ended hears of it."""
        for key in [key for key, result in self._results.items() if not result.done()]:
            try:
                seconds = await asyncio.to_thread(self._queue.outcome, key)
            except SkillrayError as error:
                self._results[key].set_exception(error)
                continue
            if seconds is not None:
                self._results[key].set_result(seconds)


class _EndedError(Exception):
    """A group was ended for a reason that is not this student's."""


@dataclass
class _Group:
    actor: Any
    ended: bool = False
    """By us, while it trained."""
    students: set[str] = field(default_factory=set)
    """Places of those that wait for it."""


class Trainer:
    """The coordinator's side: at most `placement.train.max_workers` groups, and students dealt to them."""

    def __init__(
        self, run: RunFolder, config: RunConfig, status: StatusFile, namespace: str, attempts: Attempts
    ) -> None:
        self._run, self._config, self._status = run, config, status
        self._namespace, self._attempts = namespace, attempts
        self._groups: dict[int, _Group] = {}
        self._closing: list[asyncio.Task[None]] = []

    async def stop(self) -> None:
        """Returns when every group that nobody waits for has ended."""
        await asyncio.gather(*self._closing)

    async def train(
        self, student: StudentConfig, round_index: int, part: TrainPart, begun: asyncio.Event
    ) -> dict[str, float]:
        """Seconds by step: training, and the wait for a worker group to start or to come to this student.

        Its time runs from its turn on, when `begun` is set.
        """
        start, place = time.monotonic(), _place(student.name, round_index, part)
        trained = await replaced(lambda: self._in_a_group(student.name, round_index, part, begun), place)
        wait = time.monotonic() - start - trained  # less than nothing where training began under an earlier coordinator
        return {part: trained, f"{part}_wait": max(0.0, wait)}

    def has(self, student: str, round_index: int, part: TrainPart) -> bool:
        """Whether it was given to a group, by an earlier coordinator too, and has not ended."""
        return _place(student, round_index, part) in self._status.training

    def forget(self, student: str, round_index: int, part: TrainPart) -> None:
        """Of what ended while there was no coordinator."""
        if self._status.training.pop(_place(student, round_index, part), None) is not None:
            self._status.save()

    async def _in_a_group(self, student: str, round_index: int, part: TrainPart, begun: asyncio.Event) -> float:
        """One whose group was ended because of another student joins the next: that is no death of its own."""
        while True:
            with contextlib.suppress(_EndedError):
                return await self._attempt(student, round_index, part, begun)

    async def _attempt(self, student: str, round_index: int, part: TrainPart, begun: asyncio.Event) -> float:
        place = _place(student, round_index, part)
        slot = self._join(place)
        group, limit = self._groups[slot], self._config.cluster.stage_timeout_s
        call = asyncio.ensure_future(group.actor.train.remote(student, round_index, part))
        turn = asyncio.ensure_future(group.actor.turn.remote(student, round_index, part))
        try:
            # Whoever is before it has a limit of its own, and its group ends with it.
            await asyncio.wait([call, turn], return_when=asyncio.FIRST_COMPLETED)
            (call if call.done() else turn).result()  # the group may have died before its turn
            begun.set()
            await asyncio.wait([call], timeout=limit)
            if not call.done():
                group.ended = True  # it would go on, and others of its group wait for it: they join another one
                self._end(slot, group)
                raise DeadlineError(f"{place} took longer than cluster.stage_timeout_s")
            trained: float = call.result()
            return trained
        except asyncio.CancelledError:
            group.actor.stop.remote(student, round_index, part)
            raise
        except ray.exceptions.RayActorError as error:
            if died(error):
                self._end(slot, group)  # whoever asks next starts another
            if group.ended:
                raise _EndedError from error
            raise
        finally:
            _drop(call, turn)
            self._leave(slot, group, place)

    async def progress(self, student: str, round_index: int, part: TrainPart) -> tuple[int, int, str]:
        place = _place(student, round_index, part)
        for group in self._groups.values():
            if place in group.students:
                found: tuple[int, int, str] = await group.actor.progress.remote(student, round_index, part)
                return found
        return 0, 0, ""

    def _join(self, place: str) -> int:
        """The slot whose group trains `place`; on disk, so that a restarted coordinator asks the same group again."""
        slot = self._status.training.get(place)
        if slot is None or slot >= self._config.placement.train.max_workers:  # there may be fewer than there were
            slot = self._choose()
        self._status.training[place] = slot
        self._status.save()
        if slot not in self._groups:
            name = self._attempts.name(f"train/{slot}")
            actor = ray.remote(num_cpus=0.1)(TrainingGroup).options(
                name=name, namespace=self._namespace, lifetime="detached", get_if_exists=True
            )
            self._groups[slot] = _Group(actor.remote(self._status.fence, self._namespace, name))
        self._groups[slot].students.add(place)
        return slot

    def _choose(self) -> int:
        """The slot with the fewest students; rather one whose group is there, and waits for what follows a probe."""
        waiting = {slot: len(group.students) for slot, group in self._groups.items()}
        slots = range(self._config.placement.train.max_workers)
        return min(slots, key=lambda slot: (waiting.get(slot, 0), slot not in waiting, slot))

    def _leave(self, slot: int, group: _Group, place: str) -> None:
        group.students.discard(place)
        self._status.training.pop(place, None)
        if not group.students:
            self._closing.append(asyncio.create_task(self._close(slot, group)))

    async def _close(self, slot: int, group: _Group) -> None:
        """End a group once Ray Train has put its workers away, unless a student joins it meanwhile."""
        with contextlib.suppress(ray.exceptions.RayError, TimeoutError):  # it is gone, or hangs: killed all the same
            await asyncio.wait_for(group.actor.idle.remote(), CLOSE_S)
        if not group.students:
            self._end(slot, group)

    def _end(self, slot: int, group: _Group) -> None:
        if self._groups.get(slot) is group:
            del self._groups[slot]
            ray.kill(group.actor)


def _drop(*futures: asyncio.Future[Any]) -> None:
    """Nobody asks what becomes of them."""
    for future in futures:
        if not future.cancel() and not future.cancelled():
            future.exception()


def _place(student: str, round_index: int, part: TrainPart) -> str:
    """In the status."""
    return f"{student}/round-{round_index:03d}/{part}"


def _key(student: str, round_index: int, part: TrainPart) -> str:
    """Of a job in the queue."""
    return f"{student}-{round_index:03d}" + ("-probe" if part == "probe" else "")
