"""The reply logs in front of the teacher: what was answered once is not paid again, and the budget holds.

stage worker ── ask(task, requests) ──> ReplyLog actor of the key's shard ──> Serve app teacher-RUN (replicas)
                                         known: answered from the index
                                         under way: waits for the one call (single flight)
                                         new: asked, written to a segment, then answered
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from tenacity import AsyncRetrying, RetryError, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from skillray.config import RunConfig
from skillray.errors import DeadlineError, SkillrayError
from skillray.on_ray.runner import died
from skillray.protocols import Ask, OpenTeacher
from skillray.store.fence import Fence
from skillray.teacher.identity import TeacherId, identify, limits_of
from skillray.teacher.reply_log import Entry, ReplyLog, shard_of
from skillray.teacher.settings import DomainTeacherConfig, TaskTeacher, TeacherConfig
from skillray.teacher.spending import Limits, Line, Spent
from skillray.teacher.tasks import Reply, Request, Task, canonical_json
from skillray.types import Id

FLUSH_S = 0.05
FLUSH_REPLIES = 256
"""A segment is written after 50 ms or 256 replies, whichever comes first."""
DOMAIN_REQUESTS = 64
"""Requests of one call to a domain teacher: what a dying replica can cost. A language model gets them one by one, for
each costs money and takes seconds, and is kept as soon as it is there."""
DOMAIN_CALLS = 64


class ReplyLogActor:
    """One shard of the log. Its memory is a cache of its segments."""

    def __init__(self, folder: str, fence: Fence, app: str, config: TeacherConfig, limits: Limits) -> None:
        from ray import serve  # here: a second of import, and whoever only asks a log needs none of it

        self._handle_of = serve.get_app_handle
        self._log, self._app, self._limits = ReplyLog(folder, fence), app, limits
        self._who, self._timeout_s = identify(config), config.timeout_s
        exact = isinstance(config, DomainTeacherConfig)
        self._gate = asyncio.Semaphore(DOMAIN_CALLS if isinstance(config, DomainTeacherConfig) else config.concurrency)
        self._batch = DOMAIN_REQUESTS if exact else 1
        self._under_way: dict[Id, asyncio.Future[Reply]] = {}
        self._unbooked = 0
        """Requests that were sent and are not in the log."""
        self._ended = 0
        self._pending: list[tuple[Entry, asyncio.Future[Reply]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def ask(self, task: Task, requests: list[Request], asked_by: str) -> list[Reply]:
        """Replies in order, each acknowledged on storage before it is returned."""
        keys = [self._who.key(task, request) for request in requests]
        new: dict[Id, Request] = {}
        for key, request in zip(keys, requests, strict=True):
            if self._log.look_up(key) is None and key not in self._under_way:
                self._under_way[key] = asyncio.get_running_loop().create_future()
                new[key] = request
        waiting = {key: self._under_way[key] for key in keys if key in self._under_way}
        self._log.known[task] += len(requests) - len(new)
        items = list(new.items())
        batches = [items[i : i + self._batch] for i in range(0, len(items), self._batch)]
        # Errors reach everyone who waits through the futures, so gather must not cancel the other batches.
        await asyncio.gather(*(self._call(task, batch, asked_by) for batch in batches), return_exceptions=True)
        fresh = {key: await future for key, future in waiting.items()}
        return [fresh.get(key) or self._log.index[key] for key in keys]

    async def usage(self) -> tuple[dict[Line, Spent], dict[str, int]]:
        """What was spent, and how many requests of each task cost nothing."""
        return dict(self._log.spent), dict(self._log.known)

    async def ended(self) -> int:
        """Calls that came to an end, however: as long as it grows, whoever waits is served."""
        return self._ended

    async def _call(self, task: Task, batch: list[tuple[Id, Request]], asked_by: str) -> None:
        async with self._gate:
            try:
                self._limits.refuse(self._log.total, self._unbooked, len(batch))
                self._unbooked += len(batch)
                replies = await self._sent(task, [request for _, request in batch])
            except Exception as error:  # a dead or silent teacher, or no money: everyone who waits for these is told
                self._ended += 1
                for key, _ in batch:
                    future = self._under_way.pop(key)
                    future.set_exception(error)
                    future.exception()  # seen here, so that a caller that went away leaves no warning
                return
        for (key, request), reply in zip(batch, replies, strict=True):
            entry = Entry(
                key=key,
                task=task,
                model=self._who.model,
                request=canonical_json(request),
                asked_by=asked_by,
                reply=reply,
            )
            self._pending.append((entry, self._under_way[key]))
        if len(self._pending) >= FLUSH_REPLIES:
            self._flush()
        elif self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_later())

    async def _sent(self, task: Task, requests: list[Request]) -> list[Reply]:
        try:
            return await self._ask_teacher(task, requests)
        except BaseException:  # whatever it was, also a cancellation: nothing came back to be booked
            self._unbooked -= len(requests)
            raise

    async def _ask_teacher(self, task: Task, requests: list[Request]) -> list[Reply]:
        """Serve does not retry a request that has started, so we do, until the deadline."""
        handle = self._handle_of(self._app)
        started = time.monotonic()
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(_is_fault),
                stop=stop_after_delay(self._timeout_s),
                wait=wait_exponential_jitter(initial=0.2, max=5.0),
            ):
                with attempt:
                    left = max(0.1, self._timeout_s - (time.monotonic() - started))
                    replies: list[Reply] = await asyncio.wait_for(handle.ask.remote(task, requests), left)
        except RetryError as error:
            cause = error.last_attempt.exception()
            raise DeadlineError(
                f"teacher {self._app}: no answer to {task} in {self._timeout_s:.0f} s ({cause!r})"
            ) from None
        return replies

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_S)
        self._flush()

    def _flush(self) -> None:
        done, self._pending = self._pending, []
        self._unbooked -= len(done)
        self._ended += len(done)
        try:
            self._log.append([entry for entry, _ in done])
        except (SkillrayError, OSError) as error:
            for entry, future in done:  # not written, so not acknowledged
                self._under_way.pop(entry.key, None)
                future.set_exception(error)
            return
        for entry, future in done:
            self._under_way.pop(entry.key, None)
            future.set_result(entry.reply)


@dataclass(frozen=True)
class ServedTeacher:
    """Where the teacher of a run is; connects from any worker of the cluster."""

    namespace: str
    who: TeacherId
    shards: int
    timeout_s: float
    asked_by: str
    """STUDENT/round-NNN, for the books."""
    name: str = ""
    """Of one of the other teachers of the run."""

    def __call__(self) -> Ask:
        def ask(task: Task, requests: Sequence[Request]) -> list[Reply]:
            """A log dies with its coordinator, and comes back with it: what it acknowledged is not asked again."""
            try:
                for attempt in Retrying(
                    retry=retry_if_exception(lambda error: isinstance(error, _NoLog) or died(error)),
                    stop=stop_after_delay(self.timeout_s),
                    wait=wait_exponential_jitter(initial=0.2, max=5.0),
                ):
                    with attempt:
                        replies = self._ask(task, requests)
            except RetryError:
                raise DeadlineError(f"{task}: no reply log of {self.namespace} in {self.timeout_s:.0f} s") from None
            return replies

        return ask

    def _ask(self, task: Task, requests: Sequence[Request]) -> list[Reply]:
        by_shard: dict[int, list[int]] = {}
        for place, request in enumerate(requests):
            by_shard.setdefault(shard_of(self.who.key(task, request), self.shards), []).append(place)
        logs = {shard: self._log(shard) for shard in by_shard}
        calls = {
            shard: logs[shard].ask.remote(task, [requests[place] for place in places], self.asked_by)
            for shard, places in by_shard.items()
        }
        replies: dict[int, Reply] = {}
        for shard, places in by_shard.items():
            replies |= zip(places, self._wait(task, logs[shard], calls[shard]), strict=True)
        return [replies[place] for place in range(len(requests))]

    def _wait(self, task: Task, log: Any, call: Any) -> list[Reply]:
        """Requests wait for their turn, so there is no limit but this: the log gets calls done, each in its time."""
        ended = -1
        while not ray.wait([call], timeout=2 * self.timeout_s)[0]:
            before, ended = ended, self._ended(task, log)
            if ended == before:
                raise DeadlineError(f"{task}: the reply log got nothing done in {2 * self.timeout_s:.0f} s")
        replies: list[Reply] = ray.get(call)
        return replies

    def _ended(self, task: Task, log: Any) -> int:
        try:
            return int(ray.get(log.ended.remote(), timeout=self.timeout_s))
        except ray.exceptions.GetTimeoutError:
            raise DeadlineError(f"{task}: the reply log does not answer") from None

    def _log(self, shard: int) -> Any:
        try:
            return ray.get_actor(log_name(shard, self.name), namespace=self.namespace)
        except ValueError:
            raise _NoLog from None


class _NoLog(Exception):  # noqa: N818
    """Not there now: its coordinator is being restarted."""


def start_log(
    namespace: str, shard: int, folder: str, fence: Fence, app: str, config: RunConfig, by: TaskTeacher | None = None
) -> Any:
    """The actor of one shard, the one that is there or a new one. `by`: of which of the other teachers."""
    teacher, budget = (config.teacher, config.budget) if by is None else (by.teacher, by.budget)
    actor = ray.remote(num_cpus=0.1, max_restarts=3, max_task_retries=3)(ReplyLogActor)
    name = log_name(shard, "" if by is None else by.name)
    options = actor.options(name=name, namespace=namespace, get_if_exists=True)
    return options.remote(folder, fence, app, teacher, limits_of(budget, teacher))


def served_teacher(namespace: str, config: TeacherConfig, asked_by: str, name: str = "") -> ServedTeacher:
    """`name`: of one of the other teachers."""
    return ServedTeacher(namespace, identify(config), config.shards, config.timeout_s, asked_by, name)


@dataclass(frozen=True)
class TeachersByTask:
    """All teachers of a run as one: each task goes to its own."""

    rest: ServedTeacher
    by_task: Mapping[Task, ServedTeacher]

    def __call__(self) -> Ask:
        rest, by_task = self.rest(), {task: teacher() for task, teacher in self.by_task.items()}

        def ask(task: Task, requests: Sequence[Request]) -> list[Reply]:
            return by_task.get(task, rest)(task, requests)

        return ask


def teachers_of(namespace: str, config: RunConfig, asked_by: str) -> OpenTeacher:
    """Whoever does a task of this run."""
    rest = served_teacher(namespace, config.teacher, asked_by)
    others = {
        task: served_teacher(namespace, other.teacher, asked_by, other.name)
        for other in config.teacher_by_task
        for task in other.tasks
    }
    return TeachersByTask(rest, others) if others else rest


def _is_fault(error: BaseException) -> bool:
    """The service failed, and may answer the next time; an exception of the teacher's own code would come again."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return False
    return isinstance(error, (ray.exceptions.RayError, TimeoutError))


def log_name(shard: int, teacher: str = "") -> str:
    return "-".join(["reply-log", *filter(None, [teacher]), f"{shard:03d}"])
