"""fine_tune: one Ray Train run a round, whose workers run `training.sft.train`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from skillray.config.model import Placement
from skillray.errors import SkillrayError, StageError, StorageError, TableError
from skillray.store.files import commit_json, read_json, remove
from skillray.training.sft import TrainJob, train

Progress = Callable[[int, int, str], None]
"""(done, total, unit of counting)"""

PROGRESS_S = 1.0
"""Seconds between two looks at how far the workers are."""
ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_TRAIN_COLLECTIVE_TIMEOUT_S": "300",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how soon the end, or a dead worker, is seen; Ray's own 2 s add up
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # a node of an autoscaling cluster takes minutes
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}
"""Ray Train's, read by whoever calls `fit`; what is already set stays."""


def fine_tune(job: TrainJob, placement: Placement, note: str, name: str, progress: Progress) -> None:
    """Train `job` on `settings.num_workers` workers; blocks until its checkpoint is published.

    Call it from an actor of its own, not from the coordinator: Ray Train's controller dies with its caller. A dead
    worker restarts the whole group, finitely often; so does nothing that the user has to mend.

    Args:
        placement: of one worker; it trains on a GPU when `num_gpus` is not 0.
        note: file in the run folder, for how far the workers are; gone afterwards.
        name: of this attempt, never used before: Ray Train resumes silently from what it finds under a name.

    Raises:
        SkillrayError: what the workers raised together.
        StageError: the worker group failed more often than is tolerated.
    """
    if job.done():
        return
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import ray.train

    job = replace(job, device="cuda" if placement.num_gpus else "cpu")
    with _reported(note, progress), _scratch() as folder:
        try:
            result = _trainer(job, placement, folder, name, note).fit()
        except ray.train.TrainingFailedError as error:
            raise StageError(f"fine_tune: the workers failed again and again ({_cause(error)})") from error
    if isinstance(result.return_value, SkillrayError):
        raise result.return_value


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder for what Ray Train's controller, which is on this node, writes for itself.

    Workers would use it only for checkpoints that they report to Ray Train, and ours report none: what has to last, and
    what other nodes have to see, they write to the run folder. So it need be neither shared nor kept.
    """
    with TemporaryDirectory(prefix="train-", dir=os.environ.get("SKILLRAY_TEMP_DIR")) as folder:
        yield folder


def _trainer(job: TrainJob, placement: Placement, scratch: str, name: str, note: str) -> Any:
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
            storage_path=scratch,
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
    try:
        train(config["job"], _ProgressNote(config["note"]))
    except SkillrayError as error:
        return error
    return None


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
            with suppress(TableError, StorageError):  # not there yet, or not to be had just now
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
        remove(note)


def _cause(error: Exception) -> str:
    """The last line of the first worker's failure: its type and message."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    rank = min(failures)
    return f"worker {rank}: {(str(failures[rank]).strip().splitlines() or [type(error).__name__])[-1]}"
