"""The driver: connects, starts the coordinator, shows progress, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import ray

from skillray.config import RunConfig
from skillray.errors import DeadlineError
from skillray.on_ray.cluster import connected
from skillray.on_ray.coordinator import Coordinator
from skillray.on_ray.runner import COORDINATOR, namespace_of
from skillray.store.fence import Fence

POLL_S = 1.0
Show = Callable[[list[dict[str, Any]]], None]


def launch(config: RunConfig, fence: Fence, show: Show) -> bool:
    """`supervise` on a Ray that is started, or joined, for it."""
    with connected(config.cluster, config.name):
        return supervise(config, fence, show)


def supervise(config: RunConfig, fence: Fence, show: Show) -> bool:
    """Run to the end on the connected Ray; True when no student failed. `show` hears what runs, once a second.

    Raises:
        StaleWriterError: another driver took the run over.
        SkillrayError, RayError: the run as a whole could not go on.
    """
    actor = ray.remote(num_cpus=0.1, max_restarts=3, max_task_retries=3)(Coordinator)
    coordinator = actor.options(name=COORDINATOR, namespace=namespace_of(config.name, fence)).remote(fence)
    done = coordinator.run.remote()
    try:
        _watch(coordinator, done, config, fence, show)
        return bool(ray.get(done))
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None
    finally:
        with contextlib.suppress(ray.exceptions.RayError):  # it may be the one that died
            ray.kill(coordinator)


def _watch(coordinator: Any, done: Any, config: RunConfig, fence: Fence, show: Show) -> None:
    deadline = time.monotonic() + config.cluster.start_timeout_s
    seen, told = False, set[str]()
    while not ray.wait([done], timeout=POLL_S)[0]:
        fence.check()
        with contextlib.suppress(ray.exceptions.RayError, TimeoutError):  # restarting: the next poll tells
            show(ray.get(coordinator.progress.remote(), timeout=30.0))
            seen = True
            for line in ray.get(coordinator.warnings.remote(), timeout=30.0):
                if line not in told:  # the moment it is known: a reader can stop a run that learns from nothing
                    print(line)
                    told.add(line)
        if not seen and time.monotonic() > deadline:
            raise DeadlineError(f"the coordinator did not start within {config.cluster.start_timeout_s:.0f} s")
