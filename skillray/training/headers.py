"""The headers of safetensors files: names, shapes and types of a model's tensors, without one weight read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skillray.errors import DataError

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_FLOATS = ("F64", "F32", "F16", "BF16")
"""Types that are looked at for NaN; those of 8 bits belong to quantised models, whose scales are looked at."""
MAX_SCANNED = 4 * 2**30
"""Bytes that `plan` and `run` read before Ray starts: a core reads about 1 GB/s. Larger models are read by the run."""


@dataclass(frozen=True, slots=True)
class Header:
    """One tensor, as the head of its file describes it."""

    type: str
    """The name that safetensors gives it: F32, BF16, U8."""
    shape: tuple[int, ...]


def weight_files(folder: str) -> list[str]:
    """The files that transformers reads of a model folder: one whole file, or the shards that the index names.

    Other safetensors files are somebody else's: Mistral's `consolidated.safetensors` holds the same weights again.
    """
    if os.path.exists(os.path.join(folder, WHOLE)) or not os.path.exists(os.path.join(folder, INDEX)):
        return [WHOLE]
    with open(os.path.join(folder, INDEX), "rb") as file:
        shards = sorted(set(json.load(file)["weight_map"].values()))
    return shards or [WHOLE]


def read_headers(folder: str, names: Sequence[str]) -> dict[str, Header]:
    """Tensor name to its header, over all the files `names` in `folder`."""
    headers: dict[str, Header] = {}
    for tensors, key in _tensors(folder, names, "numpy"):
        piece = tensors.get_slice(key)
        headers[key] = Header(str(piece.get_dtype()), tuple(piece.get_shape()))
    return headers


def first_not_finite(folder: str, names: Sequence[str]) -> str | None:
    """The name of the first tensor that holds NaN or infinity. Every weight is read once, none is kept."""
    for tensors, key in _tensors(folder, names, "pt"):
        if tensors.get_slice(key).get_dtype() in _FLOATS and not is_finite(tensors.get_tensor(key)):
            return key
    return None


def harmless(folder: str, names: Sequence[str]) -> set[str]:
    """Tensors that a model may have beyond what its class computes with.

    Scalars and tensors of more than two dimensions, which are masks that older versions stored (GPT-2's and GPT-NeoX's
    `attn.bias`), and biases of nothing but zeros.
    """
    return {
        key
        for tensors, key in _tensors(folder, names, "pt")
        if len(tensors.get_slice(key).get_shape()) not in (1, 2)
        or (key.endswith(".bias") and not tensors.get_tensor(key).any())
    }


def is_finite(tensor: Any) -> bool:
    """False for a tensor with NaN or infinity in it; the two ends of its range show both, in one pass."""
    import torch

    if tensor.numel() == 0:
        return True
    ends = torch.aminmax(tensor.detach())
    return bool(torch.isfinite(ends.min) and torch.isfinite(ends.max))


def size_of_files(folder: str, names: Sequence[str]) -> int:
    """Bytes of the files `names`."""
    return sum(os.path.getsize(os.path.join(folder, name)) for name in names)


def _tensors(folder: str, names: Sequence[str], framework: str) -> Iterator[tuple[Any, str]]:
    """(opened file, tensor name) of every tensor. `DataError` for a file that cannot be read."""
    from safetensors import SafetensorError, safe_open

    for name in names:
        try:
            with safe_open(Path(folder) / name, framework=framework) as tensors:
                for key in tensors.keys():  # noqa: SIM118  it is no dict
                    yield tensors, key
        except (SafetensorError, OSError) as error:
            raise DataError(f"model {folder}: {name} cannot be read ({error}); restore it") from None
