"""Per-example loss of the response tokens, in fp32."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MAX_FP32_LOGITS = 2**27
"""Logits held in fp32 at once: 512 MiB, and as much again in the backward pass."""


def example_losses(logits: Tensor, targets: Tensor, mask: Tensor, max_logits: int = MAX_FP32_LOGITS) -> Tensor:
    """Sum of the negative log-likelihood of each example's loss tokens, in nats.

    Args:
        logits: [batch, positions, vocabulary], in the model's dtype; position i predicts targets[:, i].
        targets: [batch, positions] token ids, any valid id where the mask is False.
        mask: [batch, positions] True where the loss is wanted.

    Returns:
        [batch] in fp32; 0, with a gradient of 0, for an example without loss tokens.
    """
    nll = token_nll(logits[mask], targets[mask], max_logits)
    # By place and not by index_add: the order of the sum is fixed, also on a GPU.
    return nll.new_zeros(mask.shape).masked_scatter(mask, nll).sum(dim=1)


def token_nll(logits: Tensor, targets: Tensor, max_logits: int = MAX_FP32_LOGITS) -> Tensor:
    """[tokens] negative log-likelihoods in fp32 of [tokens, vocabulary] logits.

    Chunked: fp32 copies of the logits exist for `max_logits` elements at a time, and the backward pass makes them
    again. The numbers are those of one cross-entropy: tokens do not depend on each other.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    chunk = max(1, max_logits // logits.shape[-1])
    if len(logits) <= chunk:
        return _nll(logits, targets)
    pairs = zip(logits.split(chunk), targets.split(chunk), strict=True)
    return torch.cat([checkpoint(_nll, part, wanted, use_reentrant=False) for part, wanted in pairs])


def _nll(logits: Tensor, targets: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits.float(), targets, reduction="none")
