"""Steps of a response."""

from __future__ import annotations

import pytest

from skillray.grading.splitting import StepSplit


@pytest.mark.parametrize(
    ("response", "steps"),
    [
        ("", ()),
        (" \n\n ", ()),
        ("one line", ("one line",)),
        ("a\n\nb\nc", ("a", "b\nc")),  # blank lines first
        ("a\nb", ("a", "b")),
        ("\n\na\nb\n\n", ("a", "b")),  # blank lines around are none between
        ("a\n#### 12", ("a", "#### 12", "The answer is: $\\boxed{12}$.")),
        ("so it is \\boxed{\\frac12}", ("so it is \\boxed{\\frac12}", "The answer is: $\\boxed{\\frac12}$.")),
    ],
)
def test_steps(response: str, steps: tuple[str, ...]) -> None:
    assert StepSplit().steps(response) == steps


def test_markers_and_no_answer() -> None:
    split = StepSplit(separators=(" ки",), append_answer=False)
    assert split.steps("one ки\ntwo. The answer is 5 ки") == ("one", "two. The answer is 5")
