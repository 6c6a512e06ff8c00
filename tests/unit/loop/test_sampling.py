"""Tokens by one uniform number each: the right shares, and nothing but the identity decides."""

from __future__ import annotations

import math

import pytest
import torch

from skillray.chat.sampling import Sampling
from skillray.loop.sampling import choose, penalised, uniform

HALVES = torch.tensor([[math.log(share) for share in (0.5, 0.25, 0.125, 0.0625, 0.0625)]])


def shares(logits: torch.Tensor, **sampling: float) -> list[float]:
    n = 20_000
    settings = Sampling(**{"temperature": 1.0, **sampling})
    tokens = choose(logits.expand(n, -1), settings, [uniform(3, place) for place in range(n)])
    return (torch.bincount(tokens, minlength=logits.shape[-1]) / n).tolist()


def test_shares_are_the_softmax_of_the_logits() -> None:
    logits = torch.tensor([[1.0, -1.0, 0.5, float("-inf"), 2.0]])
    for temperature in (0.5, 1.0, 2.0):
        counted = shares(logits, temperature=temperature)
        assert counted == pytest.approx((logits[0] / temperature).softmax(-1).tolist(), abs=0.015)
        assert counted[3] == 0


@pytest.mark.parametrize(
    ("sampling", "left"),
    [
        ({"top_k": 2}, (2 / 3, 1 / 3, 0, 0, 0)),
        ({"top_k": 4}, (0.5, 0.25, 0.125, 0.0625, 0.0625)),  # the last two are alike, so both are left
        ({"top_p": 0.5}, (1, 0, 0, 0, 0)),
        ({"top_p": 0.51}, (2 / 3, 1 / 3, 0, 0, 0)),
        ({"top_p": 0.76}, (4 / 7, 2 / 7, 1 / 7, 0, 0)),
        ({"min_p": 0.3}, (2 / 3, 1 / 3, 0, 0, 0)),
        ({"min_p": 0.2, "top_k": 2, "top_p": 0.6}, (1, 0, 0, 0, 0)),  # 4/7, 2/7, 1/7; then 2/3, 1/3; then one
    ],
)
def test_what_is_cut_off_leaves_the_rest_in_proportion(sampling: dict[str, float], left: tuple[float, ...]) -> None:
    assert shares(HALVES, **sampling) == pytest.approx(left, abs=0.015)


def test_penalties_are_for_what_was_read_and_written() -> None:
    logits = torch.tensor([[2.0, -2.0, 1.0, 1.0], [2.0, -2.0, 1.0, 1.0]])
    settings = Sampling(repetition_penalty=2.0, presence_penalty=0.25, frequency_penalty=0.5)
    changed = penalised(logits, settings, prompts=[[0, 1], []], written=[[2, 2], []])
    assert changed.tolist() == [[1.0, -4.0, 1.0 / 2 - 0.25 - 2 * 0.5, 1.0], [2.0, -2.0, 1.0, 1.0]]
    assert logits[0].tolist() == [2.0, -2.0, 1.0, 1.0]
    assert penalised(logits, Sampling(), [[0], []], [[2], []]) is logits
    assert choose(changed, Sampling(), [0.0, 0.0]).tolist() == [0, 0]  # greedy


def test_numbers_at_the_ends_pick_tokens_that_have_a_probability() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, 0.0, float("-inf")]]).expand(3, -1)
    assert choose(logits, Sampling(temperature=1.0), [0.0, 0.49, 1.0 - 2**-53]).tolist() == [1, 1, 2]


def test_a_row_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    logits, numbers = torch.randn(8, 1000), [uniform(1, place) for place in range(8)]
    warm = Sampling(temperature=0.7, top_p=0.9, min_p=0.01, top_k=100)
    together = choose(logits, warm, numbers).tolist()
    assert together == [choose(logits[i : i + 1], warm, [numbers[i]]).item() for i in range(8)]
    assert len({uniform(seed, place) for seed in range(50) for place in range(50)}) == 2500
    assert all(0.0 <= uniform(seed, 0) < 1.0 for seed in range(100))
