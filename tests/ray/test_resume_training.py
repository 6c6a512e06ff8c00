"""Training that is stopped in the middle ends with the bits of training that was not: on two real workers."""

from __future__ import annotations

import itertools
import os
import random
import re
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from skillray.config.model import Placement
from skillray.store.tables import Table
from skillray.training.checkpoint import verify_checkpoint, weights_hash
from skillray.training.progress import read_manifest, settled
from skillray.training.queue import JobQueue
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.sft import TrainJob
from tests.faults.nemesis import processes
from tests.faults.table import Outcome
from tests.ray.test_fine_tune import job, write_examples
from tests.tiny import save_tiny_student

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

SEED = 3
LORA = Lora(rank=4, alpha=8.0, dropout=0.3)  # every rank draws a dropout of its own
KINDS: Mapping[str, dict[str, Any]] = {
    "zero0": {"zero_stage": 0},
    "zero1-lora": {"zero_stage": 1, "lora": LORA},
    "zero2": {"zero_stage": 2},
    "zero2-bf16": {"zero_stage": 2, "dtype": "bf16"},
    "zero3": {"zero_stage": 3},
    "zero3-lora": {"zero_stage": 3, "lora": LORA},
}
"""What one worker shows for every stage is not asked again; what it cannot show are shards and generators of others."""
BATTERED = {"zero_stage": 2, "lora": LORA, "epochs": 100, "step_timeout_s": 30.0, "checkpoint_every_s": 0.25}
"""225 steps, of about 30 ms."""
MARK = "SKILLRAY_TEST_MARK"


def settings(kind: Mapping[str, Any]) -> TrainingSettings:
    common = {"batch_size": 4, "micro_batch_size": 2, "num_workers": 2, "dtype": "fp32", "learning_rate": 1e-3}
    return TrainingSettings.model_validate(common | {"epochs": 2} | dict(kind))


class Stopped(Exception):  # noqa: N818
    """No error of ours: as if the process had died here."""


def stop_after(steps: int) -> Callable[[], None]:
    """For `train`'s `alive`, which every rank calls three times while it starts, and once before every step."""
    calls = itertools.count()

    def alive() -> None:
        if next(calls) == 3 + steps:
            raise Stopped

    return alive


def train_whole_and_in_pieces(config: dict[str, Any]) -> None:
    from skillray.training.sft import train

    for whole, pieces in config["jobs"]:
        train(whole)
        for steps in (2, 1):
            with pytest.raises(Stopped):
                train(pieces, alive=stop_after(steps))
        train(pieces)
    train(config["battered"])
    with full_disk_of_rank_1():
        train(config["cramped"])


@contextmanager
def full_disk_of_rank_1() -> Iterator[None]:
    """Its half of the optimizer is more than its files may hold; all else is written by rank 0."""
    from torch.distributed import get_rank

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 2**20, before[1]) if get_rank() == 1 else before)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@dataclass
class Trained:
    whole: TrainJob
    pieces: TrainJob

    def equal(self) -> bool:
        learning = [Table(each.learning).fingerprint() for each in (self.whole, self.pieces)]
        return weights_hash(self.whole.output) == weights_hash(self.pieces.output) and learning[0] == learning[1]


@pytest.fixture(scope="module")
def trained(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trained]:
    """In one worker group: every kind whole and in three pieces, and what the battered round is compared with."""
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    folder = tmp_path_factory.mktemp("resume")
    student, examples = save_tiny_student(folder / "student"), write_examples(folder)
    kinds = {**KINDS, "battered": BATTERED, "cramped": KINDS["zero2"]}
    wanted = {name: settings(kind) for name, kind in kinds.items()}
    done = {
        name: Trained(
            job(folder / "whole", name, student, examples, each),
            job(folder / "pieces", name, student, examples, each.model_copy(update={"checkpoint_every_s": 0.0})),
        )
        for name, each in wanted.items()
    }
    pairs = [(each.whole, each.pieces) for name, each in done.items() if name in KINDS]
    TorchTrainer(
        train_whole_and_in_pieces,
        train_loop_config={
            "jobs": pairs,
            "battered": done["battered"].whole,
            "cramped": done["cramped"].pieces,
        },
        torch_config=TorchConfig(backend="gloo", timeout_s=120),
        scaling_config=ray.train.ScalingConfig(num_workers=2, resources_per_worker={"CPU": 1}),
        run_config=ray.train.RunConfig(name="whole", storage_path=str(folder / "train")),
    ).fit()
    done["cramped"].whole = done["zero2"].whole
    done["battered"].pieces = job(folder / "pieces", "battered", student, examples, wanted["battered"])
    return done


@pytest.mark.parametrize("name", KINDS)
def test_two_workers_stopped_twice_end_with_the_same_bits(trained: Mapping[str, Trained], name: str) -> None:
    assert trained[name].equal()
    assert settled(trained[name].pieces.output)


def test_one_worker_that_cannot_save_neither_stops_nor_changes_training(trained: Mapping[str, Trained]) -> None:
    """Nor does it hang: the others would wait in DeepSpeed for 120 s, and then fail."""
    assert trained["cramped"].equal()
    assert settled(trained["cramped"].pieces.output)


def test_the_kinds_are_different_work(trained: Mapping[str, Trained]) -> None:
    """Else the comparisons above could be of a training that does nothing; some stages agree to the bit."""
    assert len({weights_hash(each.whole.output) for each in trained.values()}) >= 4


@dataclass
class Battered:
    """A round whose workers are killed, and frozen, from outside."""

    job: TrainJob
    rng: random.Random
    committed: list[list[int]] = field(default_factory=list)
    """Steps on the disk after each blow, when all is still."""
    logs: list[str] = field(default_factory=list)
    """Of each worker group."""
    seconds: float = 0.0
    """All of it."""

    def steps(self) -> list[int]:
        return sorted(int(path.parent.name[-8:]) for path in Path(self.job.progress).glob("step_*/manifest.json"))

    def wait_for(self, step: int) -> int:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if (steps := self.steps()) and steps[-1] >= step:
                return steps[-1]
            time.sleep(0.01)
        pytest.fail(f"no checkpoint of step {step} came; there are {self.steps()}")

    def strike(self, blow: signal.Signals) -> None:
        """One of the two workers, by the seed; the other one then waits for it, or has seen that it is gone."""
        workers = processes("ray::RayTrainWorker")
        assert len(workers) == 2
        assert {psutil.Process(worker).environ().get(MARK) for worker in workers} == {"there"}  # of runtime_env
        os.kill(self.rng.choice(workers), blow)
        time.sleep(3.0)  # for a commit that was under way; a new group commits nothing so soon
        self.committed.append(self.steps())

    def flip_a_byte_of_the_newest(self) -> None:
        manifest = read_manifest(self.job.progress, f"step_{self.steps()[-1]:08d}")
        name = self.rng.choice(sorted(manifest.files))
        path = Path(self.job.progress, f"step_{manifest.step:08d}", name)
        data = bytearray(path.read_bytes())
        data[self.rng.randrange(len(data))] ^= 1
        path.write_bytes(data)


@pytest.fixture(scope="module")
def battered(trained: Mapping[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Battered:
    import ray

    storage = tmp_path_factory.mktemp("train")
    done = Battered(trained["battered"].pieces, random.Random(SEED))
    queue = JobQueue(str(storage / "queue"))
    queue.add("battered", done.job)

    def run() -> None:
        from skillray.on_ray.train import fit

        placement = Placement(runtime_env={"env_vars": {MARK: "there"}})
        fit(queue, done.job.settings, placement, "attempt-0", str(storage / "log"), 60.0)

    start = time.monotonic()
    running = ray.remote(num_cpus=0.1)(run).remote()
    done.wait_for(done.rng.randrange(10, 40))
    done.strike(signal.SIGKILL)
    done.wait_for(done.rng.randrange(70, 100))
    done.strike(signal.SIGKILL)
    done.flip_a_byte_of_the_newest()
    done.wait_for(done.rng.randrange(130, 170))
    done.strike(signal.SIGSTOP)
    ray.get(running)
    done.seconds = time.monotonic() - start
    done.logs = [path.read_text() for path in sorted(storage.glob("log-*.txt"))]
    return done


def test_killed_frozen_and_damaged_it_ends_with_the_same_bits(
    trained: Mapping[str, Trained], battered: Battered, outcomes: list[Outcome]
) -> None:
    verify_checkpoint(battered.job.output)
    assert trained["battered"].equal()
    fault = "two train workers: killed twice, frozen, newest checkpoint damaged"
    outcomes.append(
        Outcome(fault=fault, seeds=str(SEED), injected=4, recovered=4, lost=0, seconds=battered.seconds, equal=True)
    )


def test_every_group_went_on_where_the_one_before_it_had_committed(battered: Battered) -> None:
    went_on = [[int(step) for step in re.findall(r"goes on after step (\d+)", log)] for log in battered.logs]
    killed, damaged, frozen = battered.committed
    assert went_on == [[], [killed[-1]], [damaged[-2]], [frozen[-1]]]


def test_the_damaged_one_is_told_in_one_line(battered: Battered) -> None:
    told = [line for line in battered.logs[2].splitlines() if "passed over" in line]
    assert len(told) == 1
    assert f"step_{battered.committed[1][-1]:08d}" in told[0]
    assert "differs from its manifest" in told[0]


def test_nothing_of_the_way_is_left(battered: Battered) -> None:
    round_folder = Path(battered.job.output).parent
    assert sorted(path.name for path in round_folder.iterdir()) == ["checkpoint", "learning", "schedule"]
    assert not list(round_folder.rglob("*.tmp"))
