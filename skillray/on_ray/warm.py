"""Actors that hold a model and stay warm between stages: found by name from any worker, replaced when they die.

    stage worker ── Warm.call() ──> actor NAME of the run's namespace, made where there is none

They are detached, so that they outlive the stage that first needed them, and hold a lease, so that none outlives the
coordinator: it ends them all with `runner.end_all`. Where the cluster has not enough for all roles at once, one also
ends itself when it has been idle for a while: whatever waits for its GPU gets it, and the next call makes a new one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ray

from skillray.config import RunConfig, load_config
from skillray.coordinator.fleet import one_line
from skillray.errors import DeadlineError, SkillrayError, StageError
from skillray.loop.needs import most_asked
from skillray.on_ray.runner import LIVES, hold_lease
from skillray.store.fence import Fence
from skillray.store.layout import RunFolder

LAST_REPLIES_S = 1.0
"""From the decision to end to the end: what was answered by then has been sent."""
GONE_S = 60.0
"""For a name to be free again."""


class WarmActor:
    """Base of such an actor. A method answers None when it is ending; whoever called it calls the next one."""

    idle_s = 10.0
    """Idle for so long, it ends itself where others wait for its place."""

    def __init__(self, fence: Fence, namespace: str, name: str) -> None:
        hold_lease(fence, namespace)
        self.run, self.name, self._namespace = RunFolder(fence.run), name, namespace
        self.config = load_config(self.run.config)
        self.ending = False
        self._calls = 0
        self._last_call = time.monotonic()
        threading.Thread(target=self._end_when_in_the_way, daemon=True).start()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Around every call that keeps the model in use."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._last_call = time.monotonic()

    def end(self) -> None:
        """Take no new work, and be gone a moment later."""
        self.ending = True
        threading.Timer(LAST_REPLIES_S, self._exit).start()

    def _exit(self) -> None:
        """By Ray, which takes a process that exits of itself for an accident, and says so in the terminal."""
        with contextlib.suppress(ValueError, ray.exceptions.RayError):
            ray.kill(ray.get_actor(self.name, namespace=self._namespace))
            time.sleep(GONE_S / 2)
        os._exit(0)

    def _end_when_in_the_way(self) -> None:
        while self._calls or time.monotonic() - self._last_call < self.idle_s or not crowded(self.config):
            time.sleep(self.idle_s / 4)
        self.end()


def crowded(config: RunConfig) -> bool:
    """Whether the cluster, as large as it is now, has not the GPUs or CPUs for all roles of the run at once."""
    (cpus, gpus), total = most_asked(config), ray.cluster_resources()
    return bool(gpus > total.get("GPU", 0.0) or cpus > total.get("CPU", 0.0))


@dataclass(frozen=True)
class Warm:
    """Where a warm actor is, and how it is made; travels to workers."""

    actor: type[WarmActor]
    fence: Fence
    namespace: str
    name: str
    options: Mapping[str, Any]
    """Ray's, for its process."""

    def call(self, method: str, *args: Any) -> Any:
        """What `method` answers; asked again of a new actor when the one there dies, up to LIVES times, or is ending.

        Raises:
            StageError: LIVES of them died.
            SkillrayError: what the method raised.
        """
        deaths = 0
        while True:
            actor = self._find_or_start()
            try:
                reply = ray.get(getattr(actor, method).remote(*args))
                if reply is not None:
                    return reply
            except ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, SkillrayError) else error from None
            except ray.exceptions.RayActorError as error:
                deaths += 1
                logging.getLogger("skillray").warning("%s: its process died (%d of %d)", self.name, deaths, LIVES)
                if deaths == LIVES:
                    raise StageError(f"{self.name}: its process died {deaths} times: {one_line(error)}") from None
                if isinstance(error, ray.exceptions.ActorUnavailableError):
                    time.sleep(1.0)  # out of reach, and perhaps alive
                    continue
            self._wait_until_gone(actor)

    def _find_or_start(self) -> Any:
        actor = ray.remote(self.actor).options(
            name=self.name, namespace=self.namespace, lifetime="detached", get_if_exists=True, **self.options
        )
        return actor.remote(self.fence, self.namespace, self.name)

    def _wait_until_gone(self, actor: Any) -> None:
        """Until the name leads to no actor, or to another one."""
        deadline = time.monotonic() + GONE_S
        while time.monotonic() < deadline:
            try:
                if ray.get_actor(self.name, namespace=self.namespace) != actor:
                    return
            except ValueError:
                return
            time.sleep(0.2)
        raise DeadlineError(f"{self.name}: it is ending, and did not end within {GONE_S:.0f} s")


class Load:
    """Calls of one worker that are under way, by actor: one that has `enough` leaves the next to the next actor, which
    may have to be started first; when all have, the one with the fewest gets it.
    """

    def __init__(self, actors: int, enough: int) -> None:
        self._calls, self._enough = [0] * actors, enough
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of_next(self) -> Iterator[int]:
        with self._lock:
            least = self._calls.index(min(self._calls))
            index = next((at for at, count in enumerate(self._calls) if count < self._enough), least)
            self._calls[index] += 1
        try:
            yield index
        finally:
            with self._lock:
                self._calls[index] -= 1
