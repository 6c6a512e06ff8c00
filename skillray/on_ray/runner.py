"""A stage runner: the small actor in which one verb runs.

It is named RUN/STUDENT/ROUND/VERB/ATTEMPT and detached, so that a restarted coordinator finds and adopts it; and it
holds a lease, so that it ends when its coordinator is gone for good. Detached actors that own no engine and no GPU leak
nothing that a lease cannot end. One that dies is replaced, up to LIVES of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import ray

from skillray.config import load_config
from skillray.coordinator.fleet import StatusFile, one_line
from skillray.errors import SkillrayError, StageError, StaleWriterError
from skillray.loop.rounds import Verb
from skillray.on_ray import counting
from skillray.on_ray.counting import Written
from skillray.store.fence import Fence
from skillray.store.files import commit
from skillray.store.layout import RunFolder

T = TypeVar("T")
LEASE_S = 60.0
"""Without a sign of the coordinator for this long, the runner ends itself."""
LIVES = 3
"""Attempts at one verb: a node that is taken away ends one, a verb that kills its process ends them all."""
COORDINATOR = "coordinator"


def unique_name(run: str, fence: Fence) -> str:
    """Of the run called `run` in this folder: on one cluster, runs of one name in two folders do not meet."""
    return f"{run}-{hashlib.blake2b(fence.run.encode(), digest_size=4).hexdigest()}"


def namespace_of(run: str, fence: Fence) -> str:
    """Of the named actors of one driver: what an earlier one left on a cluster is not taken for our own."""
    return f"{unique_name(run, fence)}-{fence.epoch}"


def teacher_of(run: str, fence: Fence) -> str:
    """The Serve app; the same for all drivers of a run, so that the next one ends what a killed one left."""
    return f"teacher-{unique_name(run, fence)}"


class Attempts:
    """Names of actors that carry an attempt number, counted on disk before the attempt."""

    def __init__(self, run: str, namespace: str, status: StatusFile) -> None:
        self._run, self._namespace, self._status = run, namespace, status

    def name(self, place: str) -> str:
        """RUN/PLACE/ATTEMPT: of the actor that a coordinator before us left running, or of a new attempt."""
        attempts = self._status.attempts
        current = f"{self._run}/{place}/{attempts.get(place, 0)}"
        with contextlib.suppress(ValueError):  # no such actor: this attempt is new
            ray.get_actor(current, namespace=self._namespace)
            return current
        attempts[place] = attempts.get(place, 0) + 1
        self._status.save()
        return f"{self._run}/{place}/{attempts[place]}"


def start_runner(fence: Fence, namespace: str, name: str) -> Any:
    """The runner of that name: the one that is there, or a new one."""
    actor = ray.remote(num_cpus=0.1, max_concurrency=4)(StageRunner)
    options = actor.options(name=name, namespace=namespace, lifetime="detached", get_if_exists=True)
    return options.remote(fence, namespace, name)


def died(error: BaseException) -> bool:
    """Whether the actor that was called is gone; False when its work raised, be it because of another actor."""
    return isinstance(error, ray.exceptions.RayActorError) and not isinstance(error, ray.exceptions.RayTaskError)


async def replaced(attempt: Callable[[], Awaitable[T]], what: str) -> T:
    """What `attempt`, which lets an actor work, returns; again with a new actor when that one dies.

    Raises:
        StageError: LIVES of them did.
    """
    for life in range(LIVES):
        try:
            return await attempt()
        except ray.exceptions.RayActorError as error:
            if not died(error):
                raise
            logging.getLogger("skillray").warning("%s: its process died (%d of %d)", what, life + 1, LIVES)
            cause = error
    raise StageError(f"{what}: its process died {LIVES} times; the last time: {one_line(cause)}")


def end_all(namespace: str) -> None:
    """End every named actor of `namespace` but the coordinator: a runner whose work was done while no coordinator lived
    has nobody else to end it.
    """
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if actor["namespace"] == namespace and actor["name"] != COORDINATOR:
            with contextlib.suppress(ValueError):  # it has just ended
                ray.kill(ray.get_actor(actor["name"], namespace=namespace))


class StageRunner:
    """Runs one verb once; who calls `run` again waits for the same result."""

    def __init__(self, fence: Fence, namespace: str, name: str) -> None:
        self._fence = fence
        self._run = RunFolder(fence.run)
        self._name = name
        self._result: Future[dict[str, float]] = Future()
        self._started = threading.Lock()
        self._namespace = namespace
        self._progress: tuple[int, int, str] = (0, 0, "")
        self._written = Written()
        hold_lease(fence, namespace)

    def run(self, verb: Verb, students: list[str], round_index: int) -> dict[str, float]:
        """Seconds by step; raises what the verb raised, with its traceback in RUN/logs."""
        if self._started.acquire(blocking=False):
            try:
                self._result.set_result(self._do(verb, students, round_index))
            except Exception as error:  # every caller gets it, and the full story goes to a file
                log_to(self._run, self._name, traceback.format_exc())
                self._result.set_exception(error)
        return self._result.result()

    def progress(self) -> tuple[int, int, str]:
        """(done, total, unit)"""
        return self._written.shown(self._progress, time.monotonic())

    def count(self, answers: int, tokens: int) -> None:
        """Told by whoever writes answers for this runner."""
        self._written.add(answers, tokens, time.monotonic())

    def _do(self, verb: Verb, students: list[str], round_index: int) -> dict[str, float]:
        from skillray.on_ray.verbs import Runner  # late: it brings Ray Data and Ray Train, seconds of import

        config = load_config(self._run.config)
        chosen = tuple(student for student in config.students if student.name in students)
        told = counting.Runner(self._namespace, self._name)
        runner = Runner(self._run, config, chosen, round_index, self._fence, self._report, told)
        return runner.do(verb)

    def _report(self, done: int, total: int, unit: str) -> None:
        self._progress = (done, total, unit)


def log_to(run: RunFolder, name: str, text: str) -> None:
    commit(run.file("logs", name.replace("/", "-") + ".txt"), text.encode())


def hold_lease(fence: Fence, namespace: str) -> None:
    """From now on this process ends when the coordinator of `namespace` has been gone for LEASE_S, or another driver
    took the run over: what it holds of the cluster is the new one's to use.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    threading.Thread(target=_watch_coordinator, args=(fence, namespace), daemon=True).start()


def _watch_coordinator(fence: Fence, namespace: str) -> None:
    last_sign = time.monotonic()
    while time.monotonic() - last_sign < LEASE_S and not _stale(fence):
        time.sleep(LEASE_S / 12)
        try:
            ray.get_actor(COORDINATOR, namespace=namespace)
            last_sign = time.monotonic()
        except (ValueError, ray.exceptions.RayError):
            continue  # not there now: a restart takes a moment
    os._exit(1)


def _stale(fence: Fence) -> bool:
    try:
        fence.check()
    except StaleWriterError:
        return True
    except (SkillrayError, OSError):  # storage that does not answer says nothing about who writes
        return False
    return False
