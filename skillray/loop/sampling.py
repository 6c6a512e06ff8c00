"""Sampling as a function of identity: one uniform number a token, from the answer's seed and the token's place.

The token is where the number falls among the cumulated probabilities, so what is sampled does not depend on which
answers are written beside it, or on how often its engine was interrupted. Both engines pick tokens here on a CPU; on a
GPU vLLM's own way, which means the same by the same words, is faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skillray.chat.sampling import Sampling
from skillray.types import seed_for

Ids = Sequence[int]


def uniform(seed: int, place: int) -> float:
    """In [0, 1)."""
    return (seed_for(seed, place) >> 10) / 2**53


def penalised(logits: Any, sampling: Sampling, prompts: Sequence[Ids], written: Sequence[Ids]) -> Any:
    """Logits [rows, vocabulary] with the penalties for what row i has read and written so far; a copy where there are
    any. Repetition first, then presence and frequency, as vLLM does.
    """
    import torch

    if not has_penalties(sampling):
        return logits
    logits = logits.clone()
    for row, (prompt, answer) in enumerate(zip(prompts, written, strict=True)):
        seen = torch.tensor(sorted({*prompt, *answer}), dtype=torch.long, device=logits.device)
        values = logits[row, seen]
        factor = sampling.repetition_penalty
        logits[row, seen] = torch.where(values > 0, values / factor, values * factor)
        if answer:
            tokens, counts = torch.tensor(answer, device=logits.device).unique(return_counts=True)
            logits[row, tokens] -= sampling.presence_penalty + sampling.frequency_penalty * counts
    return logits


def has_penalties(sampling: Sampling) -> bool:
    penalties = (sampling.repetition_penalty, sampling.presence_penalty, sampling.frequency_penalty)
    return penalties != (1.0, 0.0, 0.0)


def choose(logits: Any, sampling: Sampling, uniforms: Sequence[float]) -> Any:
    """Tokens for logits [rows, vocabulary]: the likeliest at temperature 0, else row i's by its number, of those that
    min_p, top_k and top_p leave. Each looks at what the one before has left, in this order, as in vLLM.
    """
    import torch

    if sampling.temperature == 0.0:
        return logits.argmax(-1)
    logits = _top_p(_top_k(_min_p(logits / sampling.temperature, sampling.min_p), sampling.top_k), sampling.top_p)
    below = logits.softmax(-1).cumsum(-1)
    number = torch.tensor(uniforms, dtype=logits.dtype, device=logits.device)[:, None] * below[:, -1:]
    # Rounding may make the number the whole sum; a token of no probability is never taken.
    return torch.minimum(torch.searchsorted(below, number, right=True), below.argmax(-1, keepdim=True))[:, 0]


def _min_p(logits: Any, share: float) -> Any:
    if share == 0.0:
        return logits
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < share * probabilities.amax(-1, keepdim=True), float("-inf"))


def _top_k(logits: Any, count: int) -> Any:
    """Ties with the last one that is left are left too."""
    if count == 0 or count >= logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(count).values[:, -1:], float("-inf"))


def _top_p(logits: Any, share: float) -> Any:
    """The fewest likeliest ones that have at least `share` of the probability; the likeliest one always."""
    if share == 1.0:
        return logits
    ordered, places = logits.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    return logits.masked_fill((before >= share).scatter(-1, places, before >= share), float("-inf"))
