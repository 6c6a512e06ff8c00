"""fit: one Ray Train run, whose workers train what waits in a queue (`training.queue`)."""

from __future__ import annotations

import faulthandler
import itertools
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, Literal

from skillray.config.model import Placement
from skillray.errors import StageError, StorageError
from skillray.store.files import commit, exists
from skillray.training.queue import JobQueue, train_queue
from skillray.training.settings import TrainingSettings

STDERR = 2
ENVIRONMENT = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": "60",
    "RAY_TRAIN_COLLECTIVE_TIMEOUT_S": "300",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # how soon the end, or a dead worker, is seen; Ray's own 2 s add up
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
}
"""Ray Train's, read by whoever calls `fit`; what is already set stays."""
START_TIMEOUT = "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"


def device_of(placement: Placement) -> Literal["cpu", "cuda"]:
    return "cuda" if placement.num_gpus else "cpu"


def environment_of(placement: Placement, ours: Mapping[str, str]) -> dict[str, Any]:
    """The role's runtime_env with variables of ours, which stand before the user's."""
    env_vars = {**placement.runtime_env.get("env_vars", {}), **ours}
    return {**placement.runtime_env, "env_vars": env_vars}


def fit(
    queue: JobQueue, settings: TrainingSettings, placement: Placement, name: str, log: str, start_timeout_s: float
) -> None:
    """Train the queue's jobs on `settings.num_workers` workers; blocks until none waits.

    Call it from an actor of its own, not from the coordinator: Ray Train's controller dies with its caller. A worker
    that dies or hangs restarts the whole group, finitely often, and the new group goes on from the newest mid-round
    checkpoint; so does a later call, after this one was killed.

    Args:
        placement: of one worker; it trains on a GPU when `num_gpus` is not 0.
        name: of this attempt, never used before: Ray Train resumes silently from what it finds under a name.
        log: start of the path of a log of each worker group, in the run folder.
        start_timeout_s: how long the workers may wait for their resources: for nodes of an autoscaling cluster, or for
            whoever holds the GPUs.

    Raises:
        StageError: the worker group failed more often than is tolerated; the first job that waits was under way.
    """
    for key, value in {**ENVIRONMENT, START_TIMEOUT: str(start_timeout_s)}.items():
        os.environ.setdefault(key, value)
    import ray.train

    with _scratch() as folder:
        try:
            _trainer(queue, settings, placement, folder, name, log).fit()
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


def _trainer(
    queue: JobQueue, settings: TrainingSettings, placement: Placement, scratch: str, name: str, log: str
) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    device = device_of(placement)
    resources = {"CPU": placement.num_cpus} | ({"GPU": placement.num_gpus} if placement.num_gpus else {})
    return TorchTrainer(
        _work,
        train_loop_config={"queue": queue, "log": log, "step_timeout_s": settings.step_timeout_s},
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
            worker_runtime_env=environment_of(placement, _worker_environment(settings, device)),
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
    """One worker."""
    import ray.train

    if ray.train.get_context().get_world_rank() == 0:
        _log_to(config["log"])
    try:
        train_queue(config["queue"], alive=lambda: _end_unless_called_again(config["step_timeout_s"]))
    finally:
        faulthandler.cancel_dump_traceback_later()


def _end_unless_called_again(seconds: float) -> None:
    """After so long, say to stderr where every thread is, and exit: Ray Train restarts the group.

    A rank that waits for a frozen one raises after the same time, when its collective gives up. This is for what no
    collective sees: a worker on its own, or storage that hangs all of them. A process that is stopped as a whole fails
    Ray Train's health check.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=STDERR)


def _log_to(start: str) -> None:
    """What skillray says while this group trains goes to the first log START-NNN.txt that is not there yet."""
    paths = (f"{start}-{number:03d}.txt" for number in itertools.count())
    logger = logging.getLogger("skillray")
    logger.setLevel(logging.INFO)
    logger.addHandler(CommittedLog(next(path for path in paths if not exists(path))))


class CommittedLog(logging.Handler):
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
        except StorageError:  # a full disk must not end training
            self.handleError(record)


def _cause(error: Exception) -> str:
    """The last line of the first worker's failure: its type and message."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    rank = min(failures)
    return f"worker {rank}: {(str(failures[rank]).strip().splitlines() or [type(error).__name__])[-1]}"
