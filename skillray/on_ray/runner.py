"""A stage runner: the small actor in which one verb runs.

It is named RUN/STUDENT/ROUND/VERB/ATTEMPT and detached, so that a restarted coordinator finds and adopts it; and it
holds a lease, so that it ends when its coordinator is gone for good. Detached actors that own no engine and no GPU leak
nothing that a lease cannot end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import traceback
from concurrent.futures import Future
from typing import Any

import ray

from skillray.config import load_config
from skillray.coordinator.fleet import Status
from skillray.loop.rounds import Verb
from skillray.store.fence import Fence
from skillray.store.files import commit
from skillray.store.layout import RunFolder

LEASE_S = 60.0
"""Without a sign of the coordinator for this long, the runner ends itself."""
COORDINATOR = "coordinator"


def namespace_of(run: str, fence: Fence) -> str:
    """Of the named actors of one driver: what an earlier one left on a cluster is not taken for our own."""
    return f"{run}-{fence.epoch}"


class Attempts:
    """Names of actors that carry an attempt number, counted on disk before the attempt."""

    def __init__(self, run: str, namespace: str, status: Status) -> None:
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


def start_runner(run_path: str, namespace: str, name: str) -> Any:
    """The runner of that name: the one that is there, or a new one."""
    actor = ray.remote(num_cpus=0.1, max_concurrency=4)(StageRunner)
    options = actor.options(name=name, namespace=namespace, lifetime="detached", get_if_exists=True)
    return options.remote(run_path, namespace, name)


class StageRunner:
    """Runs one verb once; who calls `run` again waits for the same result."""

    def __init__(self, run_path: str, namespace: str, name: str) -> None:
        self._run_path = run_path
        self._name = name
        self._result: Future[dict[str, float]] = Future()
        self._started = threading.Lock()
        self._progress: tuple[int, int, str] = (0, 0, "")
        hold_lease(namespace)

    def run(self, verb: Verb, students: list[str], round_index: int, fence: Fence) -> dict[str, float]:
        """Seconds by step; raises what the verb raised, with its traceback in RUN/logs."""
        if self._started.acquire(blocking=False):
            try:
                self._result.set_result(self._do(verb, students, round_index, fence))
            except Exception as error:  # every caller gets it, and the full story goes to a file
                log_to(RunFolder(self._run_path), self._name, traceback.format_exc())
                self._result.set_exception(error)
        return self._result.result()

    def progress(self) -> tuple[int, int, str]:
        """(done, total, unit)"""
        return self._progress

    def _do(self, verb: Verb, students: list[str], round_index: int, fence: Fence) -> dict[str, float]:
        from skillray.on_ray.verbs import Runner  # late: it brings Ray Data and Ray Train, seconds of import

        run = RunFolder(self._run_path)
        config = load_config(run.config)
        chosen = tuple(student for student in config.students if student.name in students)
        runner = Runner(run, config, chosen, round_index, fence, report_progress=self._report)
        return runner.do(verb)

    def _report(self, done: int, total: int, unit: str) -> None:
        self._progress = (done, total, unit)


def log_to(run: RunFolder, name: str, text: str) -> None:
    commit(run.file("logs", name.replace("/", "-") + ".txt"), text.encode())


def hold_lease(namespace: str) -> None:
    """From now on this process ends when the coordinator of `namespace` has been gone for LEASE_S."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    threading.Thread(target=_watch_coordinator, args=(namespace,), daemon=True).start()


def _watch_coordinator(namespace: str) -> None:
    last_sign = time.monotonic()
    while time.monotonic() - last_sign < LEASE_S:
        time.sleep(LEASE_S / 12)
        try:
            ray.get_actor(COORDINATOR, namespace=namespace)
            last_sign = time.monotonic()
        except (ValueError, ray.exceptions.RayError):
            continue  # not there now: a restart takes a moment
    os._exit(1)
