"""Fine-tuning on Ray Train. Process start-up is nearly all of the time, so one worker group trains many settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skillray.config.model import Placement
from skillray.errors import StageError
from skillray.store.fence import UNFENCED
from skillray.store.schemas import EXAMPLES
from skillray.store.tables import Table
from skillray.training.examples import as_schedule, encode_chat
from skillray.training.queue import JobQueue
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.sft import TrainJob
from skillray.types import content_id
from tests.tiny import save_tiny_student, tiny_tokenizer

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

ROWS = 9
"""In steps of 4, 4 and 1: in the last one a second worker, and a second micro-batch, have nothing."""
FP32 = 1e-5
"""Nats, of losses of about 5: twenty units in the last place."""
BF16 = 0.02
"""Nats. bf16 keeps 8 bits: a logit of 1 is off by up to 1/256, and the errors of a response's tokens average out."""

Run = tuple[str, int]
"""Name of the settings, and number of workers."""


def settings(workers: int, accumulation: int, **changes: Any) -> TrainingSettings:
    return TrainingSettings(
        epochs=1,
        batch_size=4,
        micro_batch_size=4 // (workers * accumulation),
        learning_rate=1e-3,
        num_workers=workers,
        **{"dtype": "fp32", "zero_stage": 0} | changes,
    )


def runs(workers: int) -> dict[str, TrainingSettings]:
    lora = Lora(rank=4, alpha=8.0, dropout=0.0)  # dropout is drawn by each worker: off, to compare
    full = {
        f"zero{stage}-accumulate{times}": settings(workers, times, zero_stage=stage)
        for stage, times in itertools.product((0, 1, 2, 3), (1, 2))
    }
    adapters = {f"lora-zero{stage}": settings(workers, 1, zero_stage=stage, lora=lora) for stage in (0, 2, 3)}
    return full | adapters | {"bf16": settings(workers, 1, zero_stage=2, dtype="bf16")}


def write_examples(folder: Path, weight: float = 1.0) -> Table:
    tokenizer, rows = tiny_tokenizer(), []
    row = dict.fromkeys(("question", "response", "origin"), "") | {"skills": [], "parents": [], "multiplicity": 1}
    for i in range(ROWS):
        ids, mask = encode_chat(tokenizer, f"What is {i} + {i}?", f"It is {2 * i}" + "!" * i)
        tokens = {"input_ids": ids, "loss_mask": mask, "num_loss_tokens": sum(mask), "weight": weight * (1 + i % 3)}
        rows.append(row | tokens | {"example_id": content_id(i), "question_id": content_id(i)})
    examples = Table(str(folder / "examples"))
    examples.write(pa.Table.from_pylist(rows, schema=EXAMPLES), fence=UNFENCED)
    return examples


def job(folder: Path, name: str, model: str, examples: Table, wanted: TrainingSettings) -> TrainJob:
    schedule = Table(str(folder / name / "schedule"))
    schedule.write(as_schedule(examples, wanted, seed=0), fence=UNFENCED)
    return TrainJob(
        model=model,
        settings=wanted,
        examples=examples.folder,
        schedule=schedule.folder,
        learning=str(folder / name / "learning"),
        output=str(folder / name / "checkpoint"),
        seed=0,
        fence=UNFENCED,
    )


def train_all(jobs: list[TrainJob], workers: int, storage: Path) -> None:
    """All jobs in one worker group, one after the other."""
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    def work(config: dict[str, Any]) -> None:
        from skillray.training.sft import train

        for each in config["jobs"]:
            train(each)

    TorchTrainer(
        work,
        train_loop_config={"jobs": jobs},
        torch_config=TorchConfig(backend="gloo", timeout_s=120),
        scaling_config=ray.train.ScalingConfig(num_workers=workers, resources_per_worker={"CPU": 1}),
        run_config=ray.train.RunConfig(name=f"workers-{workers}", storage_path=str(storage)),
    ).fit()


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_student(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def trained(local_ray: None, student: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Run, TrainJob]:
    folder = tmp_path_factory.mktemp("trained")
    examples = write_examples(folder)
    done: dict[Run, TrainJob] = {}
    for workers in (1, 2):
        jobs = {
            (name, workers): job(folder / str(workers), name, student, examples, wanted)
            for name, wanted in runs(workers).items()
        }
        train_all(list(jobs.values()), workers, folder / "train")
        done |= jobs
    return done


def losses(done: TrainJob) -> np.ndarray:
    return np.asarray(Table(done.learning).read()["loss"])


def weights(done: TrainJob) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return {name: array for path in Path(done.output).glob("*.safetensors") for name, array in load_file(path).items()}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", [name for name in runs(1) if name.startswith("zero")])
def test_neither_stage_nor_accumulation_nor_workers_change_a_loss(
    trained: Mapping[Run, TrainJob], name: str, workers: int
) -> None:
    expected = losses(trained["zero0-accumulate1", 1])
    found = losses(trained[name, workers])
    assert found.shape == (ROWS,)
    assert found[-1] < found[0] - 0.1  # the updates were real ones
    np.testing.assert_allclose(found, expected, rtol=0, atol=FP32)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stage", [0, 2, 3])
def test_adapters_learn_the_same_under_every_stage(trained: Mapping[Run, TrainJob], stage: int, workers: int) -> None:
    expected, found = losses(trained["lora-zero0", 1]), losses(trained[f"lora-zero{stage}", workers])
    np.testing.assert_allclose(found, expected, rtol=0, atol=FP32)


@pytest.mark.parametrize("workers", [1, 2])
def test_bf16_is_close_to_fp32(trained: Mapping[Run, TrainJob], workers: int) -> None:
    np.testing.assert_allclose(
        losses(trained["bf16", workers]), losses(trained["zero2-accumulate1", workers]), rtol=0, atol=BF16
    )


@pytest.mark.parametrize("name", ["zero0-accumulate1", "zero3-accumulate2", "lora-zero3"])
def test_saved_weights_are_those_of_one_worker(trained: Mapping[Run, TrainJob], name: str) -> None:
    one, two = weights(trained[name, 1]), weights(trained[name, 2])
    assert one.keys() == two.keys()
    assert len(one) > 10
    for tensor in one:
        assert one[tensor].shape == two[tensor].shape
        # Three updates of 1e-3 each; Adam divides by a gradient's own size, and so enlarges the rounding of small ones.
        np.testing.assert_allclose(one[tensor], two[tensor], rtol=0, atol=5e-5)


def test_learning_has_the_schedules_rows_in_order(trained: Mapping[Run, TrainJob]) -> None:
    done = trained["zero2-accumulate2", 2]
    columns = ["example_id", "epoch", "step", "slot"]
    assert Table(done.learning).read(columns) == Table(done.schedule).read(columns)


def test_a_checkpoint_loads_as_what_was_trained(trained: Mapping[Run, TrainJob], student: str) -> None:
    import torch

    from skillray.training.checkpoint import load_model, load_tokenizer, verify_checkpoint, weights_hash

    hashes = set()
    for name in ("zero0-accumulate1", "lora-zero0"):
        folder = trained[name, 1].output
        verify_checkpoint(folder)
        hashes.add(weights_hash(folder))
        tokens = load_tokenizer(folder)("What is 1 + 1?", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            change = (load_model(folder)(tokens).logits - load_model(student)(tokens).logits).abs().max()
        assert change > 1e-2
    assert len(hashes) == 2


def test_a_loss_that_is_not_finite_stops_its_job_before_anything_is_published(
    local_ray: None, student: str, tmp_path: Path
) -> None:
    import ray

    wanted = settings(1, 1)
    bad = job(tmp_path, "bad", student, write_examples(tmp_path, weight=1e38), wanted)  # the sum overflows fp32

    good = job(tmp_path, "good", student, write_examples(tmp_path / "good"), wanted)
    queue = JobQueue(str(tmp_path / "queue"))
    queue.add("bad", bad)
    queue.add("good", good)

    def run() -> None:
        from skillray.on_ray.train import fit

        fit(queue, wanted, Placement(), "attempt-0")

    ray.get(ray.remote(num_cpus=0.1)(run).remote())
    with pytest.raises(StageError, match=r"the loss of step 0 is not finite \(examples [0-9a-f]{32}, "):
        queue.outcome("bad")
    assert not Path(bad.output).exists()
    assert not Table(bad.learning).complete()
    assert queue.outcome("good") > 0 and good.done()  # the next student of the same worker group is not touched
