from __future__ import annotations

import pytest

from skillray.errors import ConfigError
from skillray.training.engine import deepspeed_config
from skillray.training.settings import Offload, TrainingSettings


def test_accumulation_makes_the_step_of_the_schedule() -> None:
    settings = TrainingSettings(batch_size=20, micro_batch_size=4, zero_stage=2, dtype="fp32", clip=0.5)
    config = deepspeed_config(settings, world_size=2, device="cpu", num_parameters=1000)
    assert config["gradient_accumulation_steps"] == 3  # 2 workers x 4 rows: 8, 16, 24 >= 20
    assert config["zero_optimization"] == {"stage": 2, "reduce_bucket_size": 1000, "allgather_bucket_size": 1000}
    assert (config["bf16"], config["gradient_clipping"]) == ({"enabled": False}, 0.5)


@pytest.mark.parametrize(("dtype", "stage"), [("fp32", 0), ("bf16", 1)])
def test_bf16_always_has_fp32_master_weights(dtype: str, stage: int) -> None:
    settings = TrainingSettings.model_validate({"dtype": dtype, "zero_stage": 0})
    config = deepspeed_config(settings, world_size=1, device="cpu", num_parameters=10)
    assert config["zero_optimization"]["stage"] == stage


def test_offload_goes_to_the_host_of_a_gpu() -> None:
    settings = TrainingSettings(zero_stage=3, offload=Offload(optimizer=True, parameters=True))
    zero = deepspeed_config(settings, world_size=1, device="cuda", num_parameters=10)["zero_optimization"]
    assert (zero["offload_optimizer"]["device"], zero["offload_param"]["device"]) == ("cpu", "cpu")


@pytest.mark.parametrize(
    ("device", "stage", "offload"),
    [("cpu", 3, Offload(optimizer=True)), ("cuda", 0, Offload(optimizer=True)), ("cuda", 2, Offload(parameters=True))],
)
def test_an_offload_that_cannot_be_is_refused(device: str, stage: int, offload: Offload) -> None:
    settings = TrainingSettings.model_validate({"zero_stage": stage, "offload": offload})
    with pytest.raises(ConfigError, match=r"^training\.offload: "):
        deepspeed_config(settings, world_size=1, device=device, num_parameters=10)
