"""fine_tune: one Ray Train run a round, whose workers run `training.sft.train`."""

from __future__ import annotations

import faulthandler
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from skillray.config.model import Placement
from skillray.errors import SkillrayError, StageError
from skillray.store.files import commit, commit_json, exists, read_json, remove_tree
from skillray.training.sft import TrainJob, train

Progress = Callable[[int, int, str], None]
"""(done, total, unit of counting)"""

PROGRESS_S = 1.0
"""Seconds between two looks at how far the workers are."""
STDERR = 2
ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_TRAIN_COLLECTIVE_TIMEOUT_S": "300",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how soon the end, or a dead worker, is seen; Ray's own 2 s add up
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # a node of an autoscaling cluster takes minutes
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}
"""Ray Train's, read by whoever calls `fit`; what is already set stays."""


def fine_tune(job: TrainJob, placement: Placement, storage_path: str, name: str, progress: Progress) -> None:
    """Train `job` on `settings.num_workers` workers; blocks until its checkpoint is published.

    Call it from an actor of its own, not from the coordinator: Ray Train's controller dies with its caller. A worker
    that dies or hangs restarts the whole group, finitely often, and the new group goes on from the newest mid-round
    checkpoint; so does a later call, after this one was killed. Nothing that the user has to mend is tried again.

    Args:
        placement: of one worker; it trains on a GPU when `num_gpus` is not 0.
        storage_path: folder for Ray Train's own files, and for a log of each worker group in `name`; shared by all
            nodes.
        name: of this attempt, never used before: Ray Train resumes silently from what it finds under a name.

    Raises:
        SkillrayError: what the workers raised together.
        StageError: the worker group failed more often than is tolerated.
    """
    if job.done():
        remove_tree(job.progress)  # killed between the two
        return
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import ray.train

    job = replace(job, device="cuda" if placement.num_gpus else "cpu")
    note = os.path.join(storage_path, name, "progress.json")
    with _reported(note, progress):
        try:
            result = _trainer(job, placement, storage_path, name, note).fit()
        except ray.train.TrainingFailedError as error:
            raise StageError(
                f"fine_tune: the workers failed again and again ({_cause(error)}); see {storage_path}"
            ) from error
    if isinstance(result.return_value, SkillrayError):
        raise result.return_value


def _trainer(job: TrainJob, placement: Placement, storage_path: str, name: str, note: str) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    resources = {"CPU": placement.num_cpus} | ({"GPU": placement.num_gpus} if placement.num_gpus else {})
    return TorchTrainer(
        _work,
        train_loop_config={"job": job, "note": note},
        torch_config=TorchConfig(
            backend="gloo" if job.device == "cpu" else "nccl", timeout_s=int(job.settings.step_timeout_s)
        ),
        scaling_config=ScalingConfig(
            num_workers=job.settings.num_workers,
            use_gpu=job.device == "cuda",
            resources_per_worker=resources,
            accelerator_type=placement.accelerator_type,
            label_selector=placement.label_selector or None,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=storage_path,
            failure_config=FailureConfig(max_failures=3, max_preemption_failures=20, controller_failure_limit=3),
            worker_runtime_env={"env_vars": _worker_environment(job)},
        ),
    )


def _worker_environment(job: TrainJob) -> dict[str, str]:
    return {
        "OMP_NUM_THREADS": str(job.settings.threads),  # Ray would set it from num_cpus
        "GOMP_SPINCOUNT": "0",  # threads that wait must not burn the cores of other students
        "DS_ACCELERATOR": job.device,
        "TOKENIZERS_PARALLELISM": "false",
    }


def _work(config: dict[str, Any]) -> SkillrayError | None:
    """One worker. All workers raise a `SkillrayError` together, so it is handed back and not tried again."""
    import ray.train

    job, note = config["job"], config["note"]
    if ray.train.get_context().get_world_rank() == 0:
        _log_to(os.path.dirname(note))
    try:
        train(job, _ProgressNote(note), lambda: _end_unless_called_again(job.settings.step_timeout_s))
    except SkillrayError as error:
        return error
    finally:
        faulthandler.cancel_dump_traceback_later()
    return None


def _end_unless_called_again(seconds: float) -> None:
    """After so long, say to stderr where every thread is, and exit: Ray Train restarts the group.

    A rank that waits for a frozen one raises after the same time, when its collective gives up. This is for what no
    collective sees: a worker on its own, or storage that hangs all of them. A process that is stopped as a whole fails
    Ray Train's health check.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)


def _log_to(folder: str) -> None:
    """What skillray says while this group trains goes to the first log of `folder` that is not there yet."""
    paths = (os.path.join(folder, f"log-{start:03d}.txt") for start in itertools.count())
    logger = logging.getLogger("skillray")
    logger.setLevel(logging.INFO)
    logger.addHandler(_CommittedLog(next(path for path in paths if not exists(path))))


class _CommittedLog(logging.Handler):
    """A log of few lines, published whole with every line: it is there after the worker's node is gone."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._path = path
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record) + "\n")
        try:
            commit(self._path, "".join(self._lines).encode("utf-8", "backslashreplace"))
        except OSError:  # a full disk must not end training
            self.handleError(record)


@dataclass(slots=True)
class _ProgressNote:
    """Rank 0's progress, in a file: no further process, and nothing that a restart can lose."""

    path: str
    written: float = float("-inf")

    def __call__(self, done: int, total: int, loss: float, tokens_per_s: float) -> None:
        if done == total or time.monotonic() - self.written >= PROGRESS_S:
            commit_json(self.path, {"done": done, "total": total, "loss": loss, "tokens_per_s": tokens_per_s})
            self.written = time.monotonic()


@contextmanager
def _reported(note: str, progress: Progress) -> Iterator[None]:
    """While the block runs, and once when it ends, `progress` hears what the note says."""
    ended = threading.Event()

    def look() -> None:
        while True:
            last = ended.wait(PROGRESS_S)
            if exists(note):
                found = read_json(note)
                progress(found["done"], found["total"], "steps")
            if last:
                return

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _cause(error: Exception) -> str:
    """The last line of the first worker's failure: its type and message."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    rank = min(failures)
    return f"worker {rank}: {(str(failures[rank]).strip().splitlines() or [type(error).__name__])[-1]}"
