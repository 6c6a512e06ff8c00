"""Fine-tuning on Ray Train. Process start-up is nearly all of the time, so one worker group trains many settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skillray.errors import StageError
from skillray.store.fence import UNFENCED
from skillray.store.files import read_json
from skillray.store.schemas import EXAMPLES
from skillray.store.tables import Table
from skillray.training.examples import as_schedule
from skillray.training.queue import JobQueue
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.sft import TrainJob
from skillray.types import content_id
from tests.tiny import encode_chat, save_tiny_student, tiny_tokenizer

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

ROWS = 9
"""In steps of 4, 4 and 1: in the last one a second worker, and a second micro-batch, have nothing."""
FP32 = 1e-5
"""Nats, of losses of about 5: twenty units in the last place."""
CLIP = 1e-5
"""So small that the clipped gradients are about as large as Adam's epsilon: else Adam hides what it was given."""
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
    merging = lora.model_copy(update={"merge": True})
    full = {
        f"zero{stage}-accumulate{times}": settings(workers, times, zero_stage=stage)
        for stage, times in itertools.product((0, 1, 2, 3), (1, 2))
    }
    adapters = {f"lora-zero{stage}": settings(workers, 1, zero_stage=stage, lora=lora) for stage in (0, 2, 3)}
    again = {
        f"{kind}-checkpointing-zero{stage}": settings(
            workers, 1, zero_stage=stage, lora=adapter, gradient_checkpointing=True
        )
        for (kind, adapter), stage in itertools.product((("full", None), ("lora", lora)), (2, 3))
    }
    one_step = {
        f"one-step-zero{stage}": settings(workers, 1, zero_stage=stage, clip=CLIP, warmup=0.0) for stage in (0, 1, 2, 3)
    }
    others = {
        "bf16": settings(workers, 1, zero_stage=2, dtype="bf16"),
        "eager": settings(workers, 1, zero_stage=2, attention="eager"),
        "one-row": settings(workers, 1, zero_stage=2),
        "lora-merged": settings(workers, 1, zero_stage=2, lora=merging),
        "lora-goes-on": settings(workers, 1, zero_stage=2, lora=lora),
        "lora-on-merged": settings(workers, 1, zero_stage=2, lora=lora),
    }
    return full | adapters | again | one_step | others


STARTS = {"lora-goes-on": "lora-zero2", "lora-on-merged": "lora-merged"}
"""Second rounds, and the first round whose checkpoint they start from."""
NUM_ROWS = {"one-row": 1} | {f"one-step-zero{stage}": 4 for stage in (0, 1, 2, 3)}


def write_examples(folder: Path, weight: float = 1.0, num_rows: int = ROWS) -> Table:
    tokenizer, rows = tiny_tokenizer(), []
    row = dict.fromkeys(("question", "response", "origin"), "") | {
        "skills": [],
        "parents": [],
        "multiplicity": 1,
        "unit": 0,
    }
    for i in range(num_rows):
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


def train_all(jobs: list[TrainJob], queue: JobQueue | None, workers: int, storage: Path) -> None:
    """All jobs in one worker group, one after the other; then those of the queue."""
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    def work(config: dict[str, Any]) -> None:
        from skillray.training.queue import train_queue
        from skillray.training.sft import train

        for each in config["jobs"]:
            train(each)
        if config["queue"] is not None:
            train_queue(config["queue"])

    TorchTrainer(
        work,
        train_loop_config={"jobs": jobs, "queue": queue},
        torch_config=TorchConfig(backend="gloo", timeout_s=120),
        scaling_config=ray.train.ScalingConfig(num_workers=workers, resources_per_worker={"CPU": 1}),
        run_config=ray.train.RunConfig(name=f"workers-{workers}", storage_path=str(storage)),
    ).fit()


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_student(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def overflowing(student: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainJob]:
    """A job whose loss is not finite, for the sum of its weights overflows fp32, and one that waits behind it."""
    folder, one = tmp_path_factory.mktemp("overflowing"), settings(1, 1)
    weights = {"bad": 1e38, "good": 1.0}
    return {
        name: job(folder, name, student, write_examples(folder / f"{name}-rows", weight=weight), one)
        for name, weight in weights.items()
    }


@pytest.fixture(scope="module")
def queue(overflowing: dict[str, TrainJob], tmp_path_factory: pytest.TempPathFactory) -> JobQueue:
    waiting = JobQueue(str(tmp_path_factory.mktemp("queue")))
    for name, each in overflowing.items():
        waiting.add(name, each)
    return waiting


@pytest.fixture(scope="module")
def trained(
    local_ray: None, student: str, queue: JobQueue, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[Run, TrainJob]:
    """With one worker the queue is done as well."""
    folder = tmp_path_factory.mktemp("trained")
    examples = {rows: write_examples(folder / str(rows), num_rows=rows) for rows in {ROWS, *NUM_ROWS.values()}}
    done: dict[Run, TrainJob] = {}
    for workers in (1, 2):
        for name, wanted in runs(workers).items():
            start = done[STARTS[name], workers].output if name in STARTS else student
            asked = examples[NUM_ROWS.get(name, ROWS)]
            done[name, workers] = job(folder / str(workers), name, start, asked, wanted)
        jobs = [each for (_, group), each in done.items() if group == workers]
        train_all(jobs, queue if workers == 1 else None, workers, folder / "train")
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


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stage", [2, 3])
@pytest.mark.parametrize(("kind", "plain"), [("full", "zero0-accumulate1"), ("lora", "lora-zero0")])
def test_gradient_checkpointing_changes_no_loss(
    trained: Mapping[Run, TrainJob], kind: str, plain: str, stage: int, workers: int
) -> None:
    found = losses(trained[f"{kind}-checkpointing-zero{stage}", workers])
    np.testing.assert_allclose(found, losses(trained[plain, 1]), rtol=0, atol=FP32)


@pytest.mark.parametrize("workers", [1, 2])
def test_eager_attention_gives_the_losses_of_sdpa(trained: Mapping[Run, TrainJob], workers: int) -> None:
    found, expected = losses(trained["eager", workers]), losses(trained["zero2-accumulate1", workers])
    np.testing.assert_allclose(found, expected, rtol=0, atol=FP32)


def plain_losses(model: Any, done: TrainJob, step: int = 0) -> Any:
    """[rows of the step] mean negative log-likelihood of their loss tokens, without any of our training code."""
    import torch

    examples = {row["example_id"]: row for row in Table(done.examples).read().to_pylist()}
    means = []
    for row in Table(done.schedule).read().to_pylist():
        if row["step"] == step:
            ids = torch.tensor([examples[row["example_id"]]["input_ids"]])
            wanted = torch.tensor(examples[row["example_id"]]["loss_mask"])[1:]
            log_p = model(input_ids=ids).logits[0, :-1].log_softmax(dim=-1)
            means.append(-log_p.gather(1, ids[0, 1:, None])[wanted, 0].mean())
    return torch.stack(means)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_one_step_is_adamw_on_the_clipped_gradient(
    trained: Mapping[Run, TrainJob], student: str, stage: int, workers: int
) -> None:
    import torch

    from skillray.training.checkpoint import load_model

    done, model = trained[f"one-step-zero{stage}", workers], load_model(student)
    rows = Table(done.schedule).read(["weight", "num_loss_tokens"])
    shares = torch.tensor(np.multiply(rows["weight"], rows["num_loss_tokens"]), dtype=torch.float32)
    (plain_losses(model, done) @ shares / shares.sum()).backward()
    norm = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).norm()
    assert norm > 100 * CLIP
    after = weights(done)
    for name, parameter in model.named_parameters():
        # The first step of AdamW: both moments are corrected to the gradient itself (arXiv 1711.05101, algorithm 2).
        gradient = parameter.grad * CLIP / norm
        kept = 1.0 - 1e-3 * (0.1 if parameter.ndim > 1 else 0.0)
        expected = parameter.detach() * kept - 1e-3 * gradient / (gradient.abs() + 1e-8)
        np.testing.assert_allclose(after[name], expected.numpy(), rtol=0, atol=2e-6)


def test_a_worker_without_any_row_changes_nothing(trained: Mapping[Run, TrainJob], student: str) -> None:
    from skillray.training.checkpoint import load_model

    expected = plain_losses(load_model(student), trained["one-row", 1]).tolist()
    one, two = weights(trained["one-row", 1]), weights(trained["one-row", 2])
    for workers in (1, 2):
        assert losses(trained["one-row", workers]).tolist() == pytest.approx(expected, abs=FP32)
    for tensor in one:
        np.testing.assert_allclose(one[tensor], two[tensor], rtol=0, atol=5e-5)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("second", list(STARTS))
def test_a_second_round_starts_where_the_first_ended(
    trained: Mapping[Run, TrainJob], student: str, second: str, workers: int
) -> None:
    from skillray.training.checkpoint import base_of, load_model, weights_hash

    before, after = trained[STARTS[second], workers], trained[second, workers]
    started = losses(after)[:4]
    np.testing.assert_allclose(started, plain_losses(load_model(before.output), after).tolist(), rtol=0, atol=FP32)
    assert started.mean() < losses(before)[:4].mean() - 0.1  # the same rows, learnt once
    assert losses(after)[-1] < losses(before)[-1] - 0.1  # and it learns on

    base = student if second == "lora-goes-on" else before.output
    assert base_of(after.output) == base
    assert read_json(f"{after.output}/manifest.json")["base_weights"] == weights_hash(base)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_merged_checkpoint_is_its_adapter_on_its_base(trained: Mapping[Run, TrainJob], workers: int) -> None:
    from skillray.training.checkpoint import is_adapter, load_model

    merged, adapter = trained["lora-merged", workers], trained["lora-zero2", workers]
    assert (is_adapter(merged.output), is_adapter(adapter.output)) == (False, True)
    expected = load_model(adapter.output).state_dict()
    for name, found in load_model(merged.output).state_dict().items():
        np.testing.assert_allclose(found.numpy(), expected[name].numpy(), rtol=0, atol=1e-6)


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
    trained: Mapping[Run, TrainJob], overflowing: dict[str, TrainJob], queue: JobQueue
) -> None:
    bad, good = overflowing["bad"], overflowing["good"]
    with pytest.raises(StageError, match=r"the loss of step 0 is not finite \(examples [0-9a-f]{32}, "):
        queue.outcome("bad")
    assert not Path(bad.output).exists()
    assert not Table(bad.learning).complete()
    assert queue.outcome("good") > 0 and good.done()  # the next student of the same worker group is not touched
