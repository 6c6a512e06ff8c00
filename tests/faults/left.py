"""I8: what still runs after a command has ended, or is still held for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.faults.nemesis import SETTLE_S, Command, family, title_of

OURS = (
    "Coordinator",
    "StageRunner",
    "TrainingGroup",
    "TrainController",
    "RayTrainWorker",
    "MapWorker",
    "ReplyLogActor",
    "ServeReplica",
    "RolloutEngine",
)


def left_behind(command: Command) -> list[str]:
    """Everything of the run that is there after SETTLE_S; empty as soon as there is nothing."""
    deadline = time.monotonic() + SETTLE_S
    while (found := list(_left(command))) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _left(command: Command) -> Iterator[str]:
    yield from _local(command) if command.address == "local" else _joined(command)


def _local(command: Command) -> Iterator[str]:
    """Its Ray is its own, so every process that has its mark is."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("SKILLRAY_TEST_RUN") == command.run.path:
                yield f"I8 process {process.pid} ({title_of(process)}) is left"
        except psutil.Error:  # gone, or another user's
            continue
    yield from (f"I8 {path} is left" for path in Path(command.scratch).glob("skillray-*"))


def _joined(command: Command) -> Iterator[str]:
    """The cluster stays; only one run is on it."""
    import ray
    from ray import serve

    for process in set(family()) - command.others:
        if (name := title_of(process)).startswith(tuple(f"ray::{kind}" for kind in OURS)):
            yield f"I8 process {process.pid} ({name}) is left"
    run = Path(command.run.path).parent.name
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if actor["namespace"].startswith(run):
            yield f"I8 actor {actor['name']} is left"
    for group in ray.util.placement_group_table().values():
        if group["state"] != "REMOVED":
            yield f"I8 placement group {group['placement_group_id']} is {group['state']}"
    if any(app.startswith(f"teacher-{run}-") for app in serve.status().applications):
        yield "I8 the teacher's app is left"
