"""Tokens by one uniform number each: the right shares, and nothing but the identity decides."""

from __future__ import annotations

import torch

from skillray.loop.sampling import choose, uniform


def test_shares_are_the_softmax_of_the_logits() -> None:
    logits = torch.tensor([[1.0, -1.0, 0.5, float("-inf"), 2.0]])
    for temperature in (0.5, 1.0, 2.0):
        n = 20_000
        tokens = choose(logits.expand(n, -1), [temperature] * n, [uniform(3, place) for place in range(n)])
        shares = torch.bincount(tokens, minlength=5) / n
        assert torch.allclose(shares, (logits[0] / temperature).softmax(-1), atol=0.015)
        assert shares[3] == 0


def test_numbers_at_the_ends_pick_tokens_that_have_a_probability() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, 0.0, float("-inf")]]).expand(3, -1)
    assert choose(logits, [1.0] * 3, [0.0, 0.49, 1.0 - 2**-53]).tolist() == [1, 1, 2]


def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    logits, numbers = torch.randn(8, 1000), [uniform(1, place) for place in range(8)]
    together = choose(logits, [0.7] * 8, numbers).tolist()
    assert together == [choose(logits[i : i + 1], [0.7], [numbers[i]]).item() for i in range(8)]
    assert len({uniform(seed, place) for seed in range(50) for place in range(50)}) == 2500
    assert all(0.0 <= uniform(seed, 0) < 1.0 for seed in range(100))
