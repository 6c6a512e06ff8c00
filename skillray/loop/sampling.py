"""Sampling as a function of identity: one uniform number a token, from the answer's seed and the token's place.

The token is where the number falls among the cumulated probabilities, so what is sampled does not depend on which
answers are written beside it, or on how often its engine was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skillray.types import seed_for


def uniform(seed: int, place: int) -> float:
    """In [0, 1)."""
    return (seed_for(seed, place) >> 10) / 2**53


def choose(logits: Any, temperatures: Sequence[float], uniforms: Sequence[float]) -> Any:
    """Tokens for logits [rows, vocabulary]: row i at its temperature, by its number."""
    import torch

    scale = torch.tensor(temperatures, dtype=logits.dtype, device=logits.device)[:, None]
    below = (logits / scale).softmax(-1).cumsum(-1)
    number = torch.tensor(uniforms, dtype=logits.dtype, device=logits.device)[:, None] * below[:, -1:]
    # Rounding may make the number the whole sum; a token of no probability is never taken.
    return torch.minimum(torch.searchsorted(below, number, right=True), below.argmax(-1, keepdim=True))[:, 0]
