"""How much memory models take, before any is loaded: from headers on this disk, or from a name that says it.

Bytes a parameter (ZeRO, arXiv 1910.02054, section 3.1; bf16 as DeepSpeed does it, with fp32 master weights):

              weights  gradients  optimizer (AdamW's two moments, and the master weights)
    fp32         4         4          8
    bf16         2         2         12
    nf4          0.5 and an fp32 scale for 64 of them; embeddings and head as they are

ZeRO 1 divides the optimizer by the workers, 2 the gradients too, 3 the weights too. Activations are not counted.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skillray.store.files import is_url
from skillray.training.checkpoint import base_of, is_adapter, resolve_model
from skillray.training.headers import read_headers, weight_files
from skillray.training.settings import TrainingSettings
from skillray.training.targets import ALL_LINEAR

WEIGHTS, GRADIENTS, OPTIMIZER = {"fp32": 4, "bf16": 2}, {"fp32": 4, "bf16": 2}, {"fp32": 8, "bf16": 12}
FOUR_BITS = 0.5 + 4 / 64
_IN_NAME = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])", re.IGNORECASE)
_LAYER = re.compile(r"\.\d+\.")
_UNQUANTIZED = ("embed_tokens", "lm_head")
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Size:
    """Of one model."""

    parameters: int
    shapes: Shapes
    """By name; empty where only the model's name is known."""


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """Bytes of one worker."""

    weights: float
    gradients: float
    optimizer: float

    @property
    def total(self) -> float:
        return self.weights + self.gradients + self.optimizer


def size_of(model: str) -> Size | None:
    """None where neither a folder on this disk nor the name tells. Nothing is downloaded."""
    folder = _on_disk(model)
    if folder is not None and is_adapter(folder):
        return size_of(base_of(folder))
    if folder is not None and (shapes := _shapes(folder)):
        return Size(sum(math.prod(shape) for shape in shapes.values()), shapes)
    found = _IN_NAME.findall(os.path.basename(model.rstrip("/")))
    if not found:
        return None
    number, unit = found[0]
    return Size(round(float(number) * (1e9 if unit.lower() == "b" else 1e6)), {})


def training_memory(size: Size, settings: TrainingSettings) -> TrainingMemory:
    """Of the model's state in each of `settings.num_workers` workers; offloaded parts are counted all the same."""
    dtype, workers = settings.dtype, settings.num_workers
    stage = max(settings.zero_stage, int(dtype == "bf16"))  # bf16 without ZeRO runs as stage 1
    trained = float(size.parameters if settings.lora is None else adapter_parameters(size, settings))
    frozen = 0.0 if settings.lora is None else _frozen(size, settings)
    return TrainingMemory(
        weights=(frozen + trained * WEIGHTS[dtype]) / (workers if stage >= 3 else 1),
        gradients=trained * GRADIENTS[dtype] / (workers if stage >= 2 else 1),
        optimizer=trained * OPTIMIZER[dtype] / (workers if stage >= 1 else 1),
    )


def adapter_parameters(size: Size, settings: TrainingSettings) -> int:
    """rank * (in + out) of every adapted matrix; 0 where the shapes are not known."""
    assert settings.lora is not None
    targets = settings.lora.target_modules
    adapted = [shape for name, shape in size.shapes.items() if _gets_adapter(name.removesuffix(".weight"), targets)]
    return settings.lora.rank * sum(sum(shape) for shape in adapted if len(shape) == 2)


def _gets_adapter(name: str, targets: Sequence[str]) -> bool:
    """Whether a tensor is of a layer that `targets` mean (`training.targets`), as far as its name tells."""
    in_layers = _LAYER.search(name) is not None
    return any(
        in_layers if target == ALL_LINEAR else name.endswith(target) or re.fullmatch(target, name) is not None
        for target in targets
    )


def _frozen(size: Size, settings: TrainingSettings) -> float:
    assert settings.lora is not None
    each = WEIGHTS[settings.dtype]
    if not settings.lora.quantize:
        return size.parameters * each
    whole = sum(
        math.prod(shape)
        for name, shape in size.shapes.items()
        if len(shape) != 2 or any(part in name for part in _UNQUANTIZED)
    )
    return whole * each + (size.parameters - whole) * FOUR_BITS


def _on_disk(model: str) -> str | None:
    if model == "embedded" or os.path.isdir(model):
        return resolve_model(model)
    if is_url(model) or os.path.isabs(model):
        return None
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(model, local_files_only=True))
    except (OSError, ValueError):  # it was never fetched
        return None


def _shapes(folder: str) -> dict[str, tuple[int, ...]]:
    """Of the files that transformers reads; empty for a folder that has none of them."""
    names = [name for name in weight_files(folder) if os.path.isfile(os.path.join(folder, name))]
    return {name: header.shape for name, header in read_headers(folder, names).items()}
