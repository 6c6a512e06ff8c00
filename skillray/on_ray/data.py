"""Parquet to Parquet through Ray Data: stages chained over units of work.

A unit is a slice of a source part, cut by identity and not by what Ray happens to schedule, so that a unit done again
is the same unit: same batch, same padding, same part. Ray Data shards the units over nodes and streams them from stage
to stage; rows go from worker to storage and never through the driver or the object store.

    units ──> stage 1 (pool of actors) ──> stage 2 (pool of actors) ──> names, sizes and hashes of the parts
                   └─> parts of table 1        └─> parts of table 2          └─> one manifest a table

A part that an earlier attempt committed is not made again: a killed stage goes on where it was.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pyarrow as pa
import ray

from skillray.config.model import Placement
from skillray.errors import SkillrayError, StageError
from skillray.store.fence import Fence
from skillray.store.tables import Part, Table, read_part

HERE_ROWS = 1 << 14
"""Seconds of work; a worker takes as many to start."""
Transform = Callable[[pa.Table], pa.Table]


class Stage(Protocol):
    """Settings that travel; `open` makes the heavy things, once in each worker."""

    def open(self) -> Transform:
        """A function from the rows of a unit to the rows of its part."""
        ...


Progress = Callable[[int, int, str], None]
"""(done, total, unit of counting)"""


@dataclass(frozen=True)
class Link:
    """One stage of a chain, and what its workers ask of the cluster."""

    stage: Stage
    placement: Placement
    calls: int = 1
    """Units that one worker has under way at once: more than one where it only waits for others."""
    here: bool = False
    """A single unit, of up to HERE_ROWS, may be done in this process: it needs no model."""


@dataclass(frozen=True)
class Job:
    """A source table, and the table that each link of the chain makes of it."""

    source: Table
    targets: tuple[Table, ...]
    max_rows: int | None = None
    """Take only the first rows of the source."""

    def done(self) -> bool:
        return all(target.complete() for target in self.targets)


def run_chain(jobs: Sequence[Job], links: Sequence[Link], *, unit_rows: int, fence: Fence, progress: Progress) -> None:
    """Fill and seal the targets of every job, all in one execution; complete ones are not touched.

    Raises:
        StageError: a stage raised an error of ours; its line.
        ray.exceptions.RayError: a stage raised another one, or a worker died more often than is tolerated.
    """
    todo = [job for job in jobs if not job.done()]
    units = [unit | {"job": index} for index, job in enumerate(todo) for unit in _cut(job, unit_rows)]
    parts: dict[str, list[Part]] = {target.folder: [] for job in todo for target in job.targets}
    if units:
        alone = len(units) == 1 and units[0]["rows"] <= HERE_ROWS and all(link.here for link in links)
        for done, work in enumerate((_done_here if alone else _execute)(units, links, fence), 1):
            if "failed" in work:
                raise StageError(work["failed"])
            for folder, part in zip(work["targets"], work["parts"], strict=True):
                parts[folder].append(Part(**part))
            progress(done, len(units), "batches")
    for folder, made in parts.items():
        Table(folder).seal(made, fence=fence)


def _cut(job: Job, unit_rows: int) -> list[dict[str, Any]]:
    """Units of at most `unit_rows` rows, none across two parts: metadata only."""
    units: list[dict[str, Any]] = []
    targets = [target.folder for target in job.targets]
    left = job.source.num_rows() if job.max_rows is None else job.max_rows
    for path, part in zip(job.source.paths(), job.source.parts(), strict=True):
        for start in range(0, min(part.rows, left), unit_rows):
            rows = min(unit_rows, part.rows - start, left - start)
            place = {"unit": len(units), "path": path, "start": start, "rows": rows}
            units.append(place | {"targets": targets, "parts": []})
        left = max(0, left - part.rows)
    return units


def _done_here(units: list[dict[str, Any]], links: Sequence[Link], fence: Fence) -> Iterator[dict[str, Any]]:
    for work in units:
        for link in links:
            work = _Worker(link.stage, fence).attempt(work)
        yield work


def _execute(units: list[dict[str, Any]], links: Sequence[Link], fence: Fence) -> Iterator[dict[str, Any]]:
    data = ray.data.from_items([{"work": json.dumps(unit)} for unit in units], override_num_blocks=len(units))
    for link in links:
        data = data.map_batches(
            _Worker,
            fn_constructor_args=(link.stage, fence),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=1,
                max_size=min(link.placement.max_workers, len(units)),
                max_tasks_in_flight_per_actor=max(
                    4, link.calls
                ),  # the pool grows only while its queues are well filled
                max_concurrent_calls_per_actor=link.calls if link.calls > 1 else None,
                enable_true_multi_threading=link.calls > 1,
            ),
            **worker_resources(link.placement),
            ray_remote_args_fn=_bounded,
        )
    return (json.loads(row["work"]) for row in data.iter_rows())


def _bounded() -> dict[str, Any]:
    """Ray Data's own default restarts a worker, and repeats its rows, for ever."""
    return {"max_restarts": 3, "max_task_retries": 3}


def worker_resources(placement: Placement) -> dict[str, Any]:
    """Ray's options for one worker of a role."""
    options: dict[str, Any] = {"num_cpus": placement.num_cpus, "num_gpus": placement.num_gpus}
    if placement.accelerator_type:
        options["accelerator_type"] = placement.accelerator_type
    if placement.label_selector:
        options["label_selector"] = placement.label_selector
    if placement.runtime_env:
        options["runtime_env"] = placement.runtime_env
    return options


class _Worker:
    """One actor of a pool: opens its stage once, then makes part after part."""

    def __init__(self, stage: Stage, fence: Fence) -> None:
        self._stage = stage
        self._fence = fence
        self._transform: Transform | None = None
        self._opening = threading.Lock()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"work": [json.dumps(self.attempt(json.loads(text))) for text in batch["work"]]}

    def attempt(self, work: dict[str, Any]) -> dict[str, Any]:
        """Ray Data makes a text of what is raised, and our line would be lost in it: so it travels as a value."""
        if "failed" in work:
            return work
        try:
            return self._make(work)
        except SkillrayError as error:
            return work | {"failed": str(error)}

    def _make(self, work: dict[str, Any]) -> dict[str, Any]:
        target = Table(work["targets"][len(work["parts"])])
        name = f"{work['unit']:06d}.parquet"
        part = target.found_part(name)
        if part is None:
            rows = read_part(work["path"]).slice(work["start"], work["rows"])
            part = target.write_part(name, self._opened()(rows), fence=self._fence)
        # The next link reads what this one wrote, whole.
        made = {"path": target.part_path(name), "start": 0, "rows": part.rows}
        return work | made | {"parts": [*work["parts"], asdict(part)]}

    def _opened(self) -> Transform:
        with self._opening:
            if self._transform is None:
                self._transform = self._stage.open()
            return self._transform
