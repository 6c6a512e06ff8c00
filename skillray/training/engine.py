"""A model under DeepSpeed ZeRO."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

from skillray.errors import ConfigError, StageError
from skillray.training.schedule import micro_batches_per_step
from skillray.training.settings import TrainingSettings

BUCKET = 500_000_000
"""Elements of a ZeRO communication bucket (DeepSpeed's default), but never more than the model has."""
SHARDS = "shards"
"""The folder that DeepSpeed makes in the one it is told to save to."""


def prepare_process(threads: int, device: str) -> None:
    """Threads, device and quiet: before DeepSpeed is imported, which looks for an accelerator only once."""
    import torch

    os.environ["DS_ACCELERATOR"] = device
    torch.set_num_threads(threads)
    if not torch.distributed.is_initialized():  # without Ray Train: a process on its own
        os.environ.setdefault("LOCAL_RANK", "0")
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    import deepspeed.ops
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")  # DeepSpeed's, every step
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    if device == "cpu":
        # Else a compiler is looked for, and an inference-only collective is built for half a minute, at every start.
        deepspeed.ops.__compatible_ops__ = {"deepspeed_not_implemented": False}


def start_engine(model: Any, settings: TrainingSettings, world_size: int, device: str) -> Any:
    """`deepspeed.initialize` of the model's `ExampleLosses`.

    With torch's AdamW (no operator is compiled) and no scheduler: `lr_at` sets the rate.

    The model is loaded whole in every worker and then partitioned. ZeRO 3 could load it in pieces (`zero.Init`); that
    saves host memory while starting, and is left out until somebody's node is too small.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    config = deepspeed_config(settings, world_size, device, sum(parameter.numel() for parameter in trained))
    import deepspeed

    from skillray.training.loss import ExampleLosses

    losses, optimizer = ExampleLosses(model, diverges=settings.kl_to_start > 0.0), _adamw(trained, settings)
    return deepspeed.initialize(model=losses, model_parameters=trained, optimizer=optimizer, config=config)[0]


def deepspeed_config(settings: TrainingSettings, world_size: int, device: str, num_parameters: int) -> dict[str, Any]:
    """DeepSpeed's JSON config. Raises `ConfigError` for what the device or the stage cannot do.

    Stage 0 in bf16 runs as stage 1: DeepSpeed's own stage 0 keeps no fp32 copy of the weights and loses small updates.
    """
    bf16 = settings.dtype == "bf16"
    bucket = max(1, min(BUCKET, num_parameters))
    zero = {"stage": max(settings.zero_stage, int(bf16)), "reduce_bucket_size": bucket, "allgather_bucket_size": bucket}
    return {
        "train_micro_batch_size_per_gpu": settings.micro_batch_size,
        "gradient_accumulation_steps": micro_batches_per_step(settings, world_size),
        "gradient_clipping": settings.clip,
        "bf16": {"enabled": bf16},
        "zero_optimization": zero | _offload(settings, device),
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 2**31,
    }


def set_lr(engine: Any, lr: float) -> None:
    """Set the rate of the next step for all parameters."""
    for group in engine.optimizer.param_groups:
        group["lr"] = lr


def save_shards(engine: Any, folder: str, adapters: bool) -> None:
    """Write this rank's DeepSpeed shards to `folder`/SHARDS; without the frozen base where only adapters are trained.

    Collective. DeepSpeed waits for all ranks inside, so a rank that cannot write goes on to the end, and raises then:
    what is missing is its own to tell.

    Raises:
        OSError, RuntimeError: of the first file that could not be written.
    """
    writer = _patient_writer()
    engine.checkpoint_engine = writer
    engine._copy_recovery_script = lambda folder: None  # scripts for users, and one more thing that can fail
    engine.save_checkpoint(folder, tag=SHARDS, save_latest=False, exclude_frozen_parameters=adapters)
    if writer.failure is not None:
        raise writer.failure


def load_shards(engine: Any, folder: str, adapters: bool) -> None:
    """Load what `save_shards` wrote into a fresh engine. Collective.

    Shards are pickles, which run code when they are loaded: their hashes must have been verified.

    Raises:
        StageError: there are no shards; DeepSpeed alone would go on from the start model.
    """
    path, _ = engine.load_checkpoint(folder, tag=SHARDS, load_module_strict=not adapters)
    if path is None:
        raise StageError(f"fine_tune: DeepSpeed finds no shards in {folder}")


def not_finite(module: Any, rank: int) -> list[str]:
    """Names of the trained parameters that are not finite in what this rank holds of them."""
    import torch

    trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    return [name for name, parameter in trained if not torch.isfinite(_held(parameter, rank)).all()]


def _held(parameter: Any, rank: int) -> Any:
    """The parameter; under ZeRO 3 this rank's part, without the padding behind the last element, which is never set."""
    part = getattr(parameter, "ds_tensor", None)
    if part is None:
        return parameter
    return part[: max(0, parameter.ds_numel - rank * part.ds_numel)]


def _patient_writer() -> Any:
    from deepspeed.runtime.checkpoint_engine import TorchCheckpointEngine

    class PatientWriter(TorchCheckpointEngine):  # type: ignore[misc]
        """Keeps the first failure, so that the rank meets the others at DeepSpeed's barriers."""

        failure: Exception | None = None

        def makedirs(self, path: str, exist_ok: bool = False) -> None:
            self._patiently(lambda: os.makedirs(path, exist_ok=exist_ok))

        def save(self, state_dict: Any, path: str) -> None:
            self._patiently(lambda: super(PatientWriter, self).save(state_dict, path))

        def _patiently(self, action: Callable[[], None]) -> None:
            try:
                action()
            except (OSError, RuntimeError) as error:  # torch's own on a full disk
                self.failure = self.failure or error

    return PatientWriter()


def _offload(settings: TrainingSettings, device: str) -> dict[str, Any]:
    """DeepSpeed's fields for offload to host memory; `ConfigError` where there is nothing that could be offloaded."""
    offload = settings.offload
    if not (offload.optimizer or offload.parameters):
        return {}
    if device == "cpu":
        raise ConfigError("training.offload: there is nothing to offload from a CPU; set it to false or train on GPUs")
    if settings.zero_stage == 0 or (offload.parameters and settings.zero_stage != 3):
        raise ConfigError(f"training.offload: needs zero_stage 1 to 3, and parameters 3; it is {settings.zero_stage}")

    host = {"device": "cpu", "pin_memory": True}
    switches = {"offload_optimizer": offload.optimizer, "offload_param": offload.parameters}
    return {name: host for name, on in switches.items() if on}


def _adamw(trained: list[Any], settings: TrainingSettings) -> Any:
    """Weight decay is for matrices: biases and norms are left alone, as is usual."""
    import torch

    matrices = [parameter for parameter in trained if parameter.ndim > 1]
    vectors = [parameter for parameter in trained if parameter.ndim <= 1]
    decay = ((matrices, settings.weight_decay), (vectors, 0.0))
    groups = [{"params": params, "weight_decay": rate} for params, rate in decay if params]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)
