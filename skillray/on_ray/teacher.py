"""The teacher on Ray: one Serve app for all students, and the reply log in front of it.

stage worker ── ask(task, requests) ──> ReplyLog actor of the key's shard ──> Serve app teacher-RUN (replicas)
                                         known: answered from the index
                                         under way: waits for the one call (single flight)
                                         new: asked, written to a segment, then answered
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import serve
from tenacity import AsyncRetrying, RetryError, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from skillray.config.model import DomainTeacherConfig, Placement
from skillray.domains import DOMAINS
from skillray.errors import DeadlineError, SkillrayError
from skillray.on_ray.data import worker_resources
from skillray.on_ray.runner import died
from skillray.protocols import Ask
from skillray.store.fence import Fence
from skillray.teacher.domain_teacher import DomainTeacher
from skillray.teacher.reply_log import Entry, ReplyLog, shard_of
from skillray.teacher.tasks import Reply, Request, Task, canonical_json, reply_key
from skillray.types import Id

FLUSH_S = 0.05
FLUSH_REPLIES = 256
"""A segment is written after 50 ms or 256 replies, whichever comes first."""
CALL_REQUESTS = 64
"""Requests of one call to a replica: what a dying replica can cost."""

SAMPLING: dict[str, Any] = {}
"""A domain teacher samples nothing."""


def open_teacher(config: DomainTeacherConfig) -> DomainTeacher:
    """The teacher that `config` describes, in this process."""
    return DomainTeacher(DOMAINS[config.domain])


class TeacherReplica:
    """One replica: holds a teacher, and nothing that has to survive."""

    def __init__(self, config: DomainTeacherConfig) -> None:
        self._teacher = open_teacher(config)

    def ask(self, task: Task, requests: Sequence[Request]) -> list[Reply]:
        return self._teacher.ask(task, requests)


def start_teacher(app: str, config: DomainTeacherConfig, placement: Placement) -> None:
    """Serve the teacher as `app`; does nothing when it is already there. Handles only: no port is opened."""
    serve.start(proxy_location="Disabled")
    if app in serve.status().applications:
        return
    options = worker_resources(placement)
    deployment = serve.deployment(
        TeacherReplica,
        num_replicas=config.replicas,
        ray_actor_options=options,
        max_ongoing_requests=8,
        health_check_timeout_s=30,
    )
    serve.run(deployment.bind(config), name=app, route_prefix=None)


def stop_teacher(app: str) -> None:
    """Our own app, and no other."""
    serve.delete(app)


class ReplyLogActor:
    """One shard of the log. Its memory is a cache of its segments."""

    def __init__(self, folder: str, fence: Fence, app: str, model: str, timeout_s: float) -> None:
        self._log = ReplyLog(folder, fence)
        self._app = app
        self._model = model
        self._timeout_s = timeout_s
        self._under_way: dict[Id, asyncio.Future[Reply]] = {}
        self._pending: list[tuple[Entry, asyncio.Future[Reply]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def ask(self, task: Task, requests: list[Request]) -> list[Reply]:
        """Replies in order, each acknowledged on storage before it is returned."""
        keys = [reply_key(self._model, task, request, SAMPLING) for request in requests]
        new: dict[Id, Request] = {}
        for key, request in zip(keys, requests, strict=True):
            if self._log.look_up(key) is None and key not in self._under_way:
                self._under_way[key] = asyncio.get_running_loop().create_future()
                new[key] = request
        waiting = {key: self._under_way[key] for key in keys if key in self._under_way}
        self._log.count(task, requests=len(requests), calls=len(new))
        items = list(new.items())
        batches = [items[i : i + CALL_REQUESTS] for i in range(0, len(items), CALL_REQUESTS)]
        # Errors reach everyone who waits through the futures, so gather must not cancel the other batches.
        await asyncio.gather(*(self._call(task, batch) for batch in batches), return_exceptions=True)
        fresh = {key: await future for key, future in waiting.items()}
        return [fresh.get(key) or self._log.index[key] for key in keys]

    def usage(self) -> dict[str, int]:
        return dict(self._log.usage)

    async def _call(self, task: Task, batch: list[tuple[Id, Request]]) -> None:
        try:
            replies = await self._ask_teacher(task, [request for _, request in batch])
        except Exception as error:  # a dead or silent teacher: everyone who waits for these keys is told
            for key, _ in batch:
                future = self._under_way.pop(key)
                future.set_exception(error)
                future.exception()  # seen here, so that a caller that went away leaves no warning
            return
        for (key, request), reply in zip(batch, replies, strict=True):
            entry = Entry(key=key, task=task, model=self._model, request=canonical_json(request), reply=reply)
            self._pending.append((entry, self._under_way[key]))
        if len(self._pending) >= FLUSH_REPLIES:
            self._flush()
        elif self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_later())

    async def _ask_teacher(self, task: Task, requests: list[Request]) -> list[Reply]:
        """Serve does not retry a request that has started, so we do, until the deadline."""
        handle = serve.get_app_handle(self._app)
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
    model: str
    shards: int
    timeout_s: float

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
            key = reply_key(self.model, task, request, SAMPLING)
            by_shard.setdefault(shard_of(key, self.shards), []).append(place)
        calls = {s: self._log(s).ask.remote(task, [requests[p] for p in places]) for s, places in by_shard.items()}
        replies: dict[int, Reply] = {}
        for shard, places in by_shard.items():
            # Twice: the log's own deadline speaks first, this one is for a log that is gone.
            replies |= zip(places, ray.get(calls[shard], timeout=2 * self.timeout_s), strict=True)
        return [replies[place] for place in range(len(requests))]

    def _log(self, shard: int) -> Any:
        try:
            return ray.get_actor(log_name(shard), namespace=self.namespace)
        except ValueError:
            raise _NoLog from None


class _NoLog(Exception):  # noqa: N818
    """Not there now: its coordinator is being restarted."""


def start_log(namespace: str, shard: int, folder: str, fence: Fence, app: str, config: DomainTeacherConfig) -> Any:
    """The actor of one shard, the one that is there or a new one."""
    actor = ray.remote(num_cpus=0.1, max_restarts=3, max_task_retries=3)(ReplyLogActor)
    options = actor.options(name=log_name(shard), namespace=namespace, get_if_exists=True)
    return options.remote(folder, fence, app, open_teacher(config).model, config.timeout_s)


def _is_fault(error: BaseException) -> bool:
    """The service failed, and may answer the next time; an exception of the teacher's own code would come again."""
    if isinstance(error, ray.exceptions.RayTaskError):
        return False
    return isinstance(error, (ray.exceptions.RayError, TimeoutError))


def log_name(shard: int) -> str:
    return f"reply-log-{shard:03d}"
