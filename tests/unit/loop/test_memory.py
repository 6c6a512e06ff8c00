"""Bytes that can be worked out by hand, for a model of two matrices."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from skillray.loop.memory import Size, adapter_parameters, size_of, training_memory
from skillray.training.settings import Lora, TrainingSettings

SHAPES = {"model.embed_tokens.weight": (100, 20), "model.layers.0.q_proj.weight": (20, 20), "norm.weight": (20,)}
SIZE = Size(100 * 20 + 20 * 20 + 20, SHAPES)
"""2,420 parameters."""
RANK_4 = Lora(rank=4, alpha=8.0)


def memory(**changes: object) -> tuple[float, float, float]:
    found = training_memory(SIZE, TrainingSettings.model_validate(changes))
    return found.weights, found.gradients, found.optimizer


@pytest.mark.parametrize(("stage", "shares"), [(0, (1, 1, 1)), (1, (1, 1, 2)), (2, (1, 2, 2)), (3, (2, 2, 2))])
def test_each_stage_divides_one_part_more(stage: int, shares: tuple[int, int, int]) -> None:
    whole = (4 * 2420, 4 * 2420, 8 * 2420)  # 16 bytes a parameter
    found = memory(dtype="fp32", zero_stage=stage, num_workers=2)
    assert found == tuple(part / share for part, share in zip(whole, shares, strict=True))


def test_bf16_keeps_a_master_copy_and_runs_stage_0_as_1() -> None:
    assert memory(dtype="bf16", zero_stage=0, num_workers=4) == (2 * 2420, 2 * 2420, 12 * 2420 / 4)


def test_adapters_alone_have_gradients_and_an_optimizer() -> None:
    # q_proj of 20 x 20 at rank 4: 4 * (20 + 20) = 160
    lora = TrainingSettings(lora=RANK_4)
    assert adapter_parameters(SIZE, lora) == 160
    assert memory(dtype="bf16", zero_stage=2, lora=RANK_4) == (2 * 2420 + 2 * 160, 2 * 160, 12 * 160)


def test_four_bits_are_for_matrices_but_the_embeddings() -> None:
    quantized = RANK_4.model_copy(update={"quantize": "nf4"})
    weights, *_ = memory(dtype="bf16", lora=quantized)
    # 400 of the matrix at 4.5 bits (a scale of 4 bytes for 64), 2,020 others and 160 of adapters at 2 bytes
    assert weights == 400 * 0.5625 + 2020 * 2 + 160 * 2


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("meta-llama/Llama-3.2-3B-Instruct", 3_000_000_000),
        ("meta-llama/Llama-3.2-1B-Instruct", 1_000_000_000),
        ("RLHFlow/Llama3.1-8B-PRM-Mistral-Data", 8_000_000_000),
        ("Qwen/Qwen2.5-0.5B", 500_000_000),
        ("EleutherAI/gpt-neo-125m", 125_000_000),
        ("org/mixtral", None),
        ("org/Base3Bit", None),
    ],
)
def test_a_name_may_say_the_size(model: str, parameters: int | None) -> None:
    found = size_of(model)
    assert (found and found.parameters) == parameters


def test_headers_say_it_better(tmp_path) -> None:
    folder = tmp_path / "model-7B"
    folder.mkdir()
    for place, (name, shape) in enumerate(SHAPES.items()):
        save_file({name: np.zeros(shape, np.float32)}, folder / f"model-{place}.safetensors")
    listed = {name: f"model-{place}.safetensors" for place, name in enumerate(SHAPES)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    save_file({"again": np.zeros(9, np.float32)}, folder / "consolidated.safetensors")  # as Mistral has
    assert size_of(str(folder)) == SIZE
