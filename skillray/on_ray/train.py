"""fit: one Ray Train run, whose workers train what waits in a queue (`training.queue`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from skillray.config.model import Placement
from skillray.errors import StageError
from skillray.training.queue import JobQueue, train_queue
from skillray.training.settings import TrainingSettings

ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_TRAIN_COLLECTIVE_TIMEOUT_S": "300",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how soon the end, or a dead worker, is seen; Ray's own 2 s add up
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # a node of an autoscaling cluster takes minutes
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}
"""Ray Train's, read by whoever calls `fit`; what is already set stays."""


def device_of(placement: Placement) -> str:
    return "cuda" if placement.num_gpus else "cpu"


def fit(queue: JobQueue, settings: TrainingSettings, placement: Placement, name: str) -> None:
    """Train the queue's jobs on `settings.num_workers` workers; blocks until none waits.

    Call it from an actor of its own, not from the coordinator: Ray Train's controller dies with its caller. A dead
    worker restarts the whole group, finitely often.

    Args:
        placement: of one worker; it trains on a GPU when `num_gpus` is not 0.
        note: file in the run folder, for how far the workers are; gone afterwards.
        name: of this attempt, never used before: Ray Train resumes silently from what it finds under a name.

    Raises:
        StageError: the worker group failed more often than is tolerated; the first job that waits was under way.
    """
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import ray.train

    with _scratch() as folder:
        try:
            _trainer(queue, settings, placement, folder, name).fit()
        except ray.train.TrainingFailedError as error:
            raise StageError(f"fine_tune: the workers failed again and again ({_cause(error)})") from error


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder for what Ray Train's controller, which is on this node, writes for itself.

    Workers would use it only for checkpoints that they report to Ray Train, and ours report none: what has to last, and
    what other nodes have to see, they write to the run folder. So it need be neither shared nor kept.
    """
    with TemporaryDirectory(prefix="train-", dir=os.environ.get("SKILLRAY_TEMP_DIR")) as folder:
        yield folder


def _trainer(queue: JobQueue, settings: TrainingSettings, placement: Placement, scratch: str, name: str) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    device = device_of(placement)
    resources = {"CPU": placement.num_cpus} | ({"GPU": placement.num_gpus} if placement.num_gpus else {})
    return TorchTrainer(
        _work,
        train_loop_config={"queue": queue},
        torch_config=TorchConfig(backend="gloo" if device == "cpu" else "nccl", timeout_s=int(settings.step_timeout_s)),
        scaling_config=ScalingConfig(
            num_workers=settings.num_workers,
            use_gpu=device == "cuda",
            resources_per_worker=resources,
            accelerator_type=placement.accelerator_type,
            label_selector=placement.label_selector or None,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=scratch,
            failure_config=FailureConfig(max_failures=3, max_preemption_failures=20, controller_failure_limit=3),
            worker_runtime_env={"env_vars": _worker_environment(settings, device)},
        ),
    )


def _worker_environment(settings: TrainingSettings, device: str) -> dict[str, str]:
    return {
        "OMP_NUM_THREADS": str(settings.threads),  # Ray would set it from num_cpus
        "GOMP_SPINCOUNT": "0",  # threads that wait must not burn the cores of other students
        "DS_ACCELERATOR": device,
        "TOKENIZERS_PARALLELISM": "false",
    }


def _work(config: dict[str, Any]) -> None:
    train_queue(config["queue"])


def _cause(error: Exception) -> str:
    """The last line of the first worker's failure: its type and message."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    rank = min(failures)
    return f"worker {rank}: {(str(failures[rank]).strip().splitlines() or [type(error).__name__])[-1]}"
