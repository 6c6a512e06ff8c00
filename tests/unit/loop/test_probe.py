"""When new weights count as taken."""

from __future__ import annotations

import pytest

from skillray.loop.probe import distance, verdict

WANTED = [[-1.0, -2.0], [-3.0]]


def moved(by: float) -> list[list[float]]:
    return [[value + by for value in text] for text in WANTED]


def test_distance_is_the_mean_over_all_tokens() -> None:
    assert distance([[-1.0, -2.5], [-3.1]], WANTED) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("before", "after", "dtype", "taken"),
    [
        (0.5, 1e-5, "fp32", True),  # a rounding apart
        (0.5, 0.5, "fp32", False),  # nothing was taken
        (0.5, 0.1, "fp32", False),  # some layers were
        (0.5, 0.01, "bf16", True),
        (0.02, 0.01, "bf16", False),  # so little training that rounding hides it: restarted, to be sure
        (1e-6, 1e-6, "fp32", False),  # the same weights again
    ],
)
def test_weights_are_taken_when_the_engine_has_come_as_near_as_rounding(before, after, dtype, taken) -> None:
    assert (verdict(moved(before), moved(after), WANTED, dtype) == "") is taken
