"""What only a GPU can show: NCCL, offload to the host, flash attention, and bf16 answers, on one CUDA device."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from skillray.config.model import Placement
from skillray.domains.arithmetic import ARITHMETIC, STUDENT_FOLDER
from skillray.grading.answers import Verdict, grade_answer
from skillray.loop.roll_out import RollOut
from skillray.store.tables import Table
from skillray.training.queue import JobQueue
from skillray.training.settings import Offload, TrainingSettings
from tests.ray.test_fine_tune import BF16, ROWS, job, losses, settings, write_examples
from tests.tiny import save_tiny_student

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

ON_GPU = {
    "zero2": settings(1, 2, dtype="bf16", zero_stage=2),
    "zero2-offload": settings(1, 2, dtype="bf16", zero_stage=2, offload=Offload(optimizer=True)),
    "zero3-offload": settings(1, 2, dtype="bf16", zero_stage=3, offload=Offload(optimizer=True, parameters=True)),
    "flash": settings(1, 2, dtype="bf16", zero_stage=2, attention="flash_attention_2"),
}
WITHOUT_FLASH = pytest.mark.skipif(importlib.util.find_spec("flash_attn") is None, reason="flash-attn is not installed")
CASES = [pytest.param(name, marks=WITHOUT_FLASH if name == "flash" else ()) for name in ON_GPU]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_student(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return write_examples(tmp_path_factory.mktemp("examples"))


def train(folder: Path, student: str, examples: Table, wanted: TrainingSettings, num_gpus: int) -> np.ndarray:
    """The losses of `fit` on one worker; with a GPU it is on cuda, and its process group is NCCL's."""
    import ray

    work = replace(job(folder, "job", student, examples, wanted), device="cuda" if num_gpus else "cpu")
    queue = JobQueue(str(folder / "queue"))
    queue.add("job", work)

    def run() -> None:
        from skillray.on_ray.train import fit

        fit(queue, wanted, Placement(num_gpus=num_gpus), "attempt-0", str(folder / "log"), 60.0)

    ray.get(ray.remote(num_cpus=0.1)(run).remote())
    queue.outcome("job")
    return losses(work)


@pytest.fixture(scope="module")
def on_cpu(local_ray: None, student: str, examples: Table, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """fp32 without ZeRO: what every GPU setting has to come close to."""
    return train(tmp_path_factory.mktemp("cpu"), student, examples, settings(1, 1), num_gpus=0)


@pytest.mark.parametrize("name", CASES)
def test_a_gpu_trains_the_losses_of_a_cpu(
    on_cpu: np.ndarray, student: str, examples: Table, name: str, tmp_path: Path
) -> None:
    found = train(tmp_path, student, examples, ON_GPU[name], num_gpus=1)
    assert found.shape == (ROWS,)
    assert found[-1] < found[0] - 0.1  # the updates were real ones
    np.testing.assert_allclose(found, on_cpu, rtol=0, atol=BF16)


def test_answers_in_bf16_on_a_gpu_are_as_often_right(local_ray: None) -> None:
    gpu_device, on_gpu = accuracy(visible=None)
    cpu_device, on_cpu = accuracy(visible="")
    assert (gpu_device, cpu_device) == ("cuda", "cpu")
    assert on_gpu == pytest.approx(on_cpu, abs=0.05)


def accuracy(visible: str | None) -> tuple[str, float]:
    """Where the embedded student answered, in a process that sees only the CUDA devices `visible`, and how well."""
    import ray

    questions = ARITHMETIC.questions("held_out", 10, seed=0)
    columns = {"question_id": [q.question_id for q in questions], "question": [q.question for q in questions]}
    settings = {"model": STUDENT_FOLDER, "samples": 1, "max_new_tokens": 96, "threads": 2, "seed": 0}

    def answer() -> tuple[str, list[str]]:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        stage = RollOut(**settings, dtype="bf16" if device == "cuda" else "fp32")
        return device, stage.open()(pa.table(columns))["response"].to_pylist()

    hidden = {} if visible is None else {"env_vars": {"CUDA_VISIBLE_DEVICES": visible}}
    device, responses = ray.get(ray.remote(num_cpus=1, runtime_env=hidden)(answer).remote())
    right = [grade_answer(text, q.answer) is Verdict.CORRECT for text, q in zip(responses, questions, strict=True)]
    return device, float(np.mean(right))
