from __future__ import annotations

import math

import pytest
import torch

from skillray.training.loss import example_losses, token_nll


def test_loss_is_the_sum_over_an_examples_own_loss_tokens() -> None:
    logits = torch.tensor([[[0.0, 0.0], [0.0, math.log(3.0)]], [[5.0, 1.0], [0.0, 0.0]]])
    targets = torch.tensor([[0, 1], [0, 1]])
    mask = torch.tensor([[True, True], [False, True]])
    losses = example_losses(logits, targets, mask)
    # ln 2 for even odds; ln(4/3) where the target has odds of 3 to 1; masked places count nothing
    assert losses.tolist() == pytest.approx([math.log(2) + math.log(4 / 3), math.log(2)])


def test_an_example_without_loss_tokens_has_no_loss_and_no_gradient() -> None:
    logits = torch.randn(1, 3, 5, requires_grad=True)
    losses = example_losses(logits, torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, 3, dtype=torch.bool))
    losses.sum().backward()
    assert losses.tolist() == [0.0]
    assert torch.equal(logits.grad, torch.zeros(1, 3, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_chunks_change_no_number(dtype: torch.dtype, chunk: int) -> None:
    torch.manual_seed(0)
    vocabulary, targets = 11, torch.randint(0, 11, (7,))
    whole = torch.randn(7, vocabulary, dtype=dtype, requires_grad=True)
    parts = whole.detach().clone().requires_grad_()
    token_nll(whole, targets).sum().backward()
    chunked = token_nll(parts, targets, max_logits=chunk * vocabulary)
    chunked.sum().backward()
    assert chunked.dtype is torch.float32
    assert torch.equal(chunked, token_nll(whole, targets))
    assert torch.equal(parts.grad, whole.grad)
