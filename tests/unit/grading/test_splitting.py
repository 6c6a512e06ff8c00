"""Steps of a response."""

from __future__ import annotations

from typing import Any

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
        ("a\n#### 12", ("a", "The final answer is: \\boxed{12}.")),  # the mark is no step of its own
        ("a\n\n#### 12", ("a", "#### 12", "The final answer is: \\boxed{12}.")),  # AdaptMI cuts here
        ("#### 12", ("#### 12", "The final answer is: \\boxed{12}.")),
        ("a\n#### Step 2: b\nc", ("a", "#### Step 2: b", "c")),
        ("\\begin{align*}\nx &= 1 \\\\\ny &= 2\n\\end{align*}", ("x &= 1 \\\\", "y &= 2")),
        ("\\[\na\n\\]\n$$\nb\n$$", ("a", "b")),
        ("a\n\n\\[\n\n1\n\n\\]\n\n```python\n\nc\n\n```\n\n---", ("a", "1", "c")),
        ("\\begin{array}{cc}\na & b\n\\end{array}\n$\\begin{b}x\\end{b}$", ("a & b", "$\\begin{b}x\\end{b}$")),
        ("\\[\n\\]", ()),
        ("<think>\n9\n\nno\n</think>\n\na\n\nb", ("a", "b")),
        ("<think>it never came to an end", ()),
        ("so it is \\boxed{\\frac12}", ("so it is \\boxed{\\frac12}", "The final answer is: \\boxed{\\frac12}.")),
    ],
)
def test_steps(response: str, steps: tuple[str, ...]) -> None:
    assert StepSplit().steps(response) == steps


@pytest.mark.parametrize(
    ("family", "steps"),
    [
        ("any", ("a\nb ки", "c ки")),
        ("rlhflow_deepseek", ("a\nb ки", "c ки")),
        ("qwen", ("a\nb ки", "c ки")),
        ("math_shepherd", ("a", "b ки", "c ки")),
        ("rlhflow_mistral", ("a\nb", "c ки")),  # the last marker ends no line, as in the authors' code
    ],
)
def test_families_cut_at_their_own_separators(family: Any, steps: tuple[str, ...]) -> None:
    assert StepSplit(family=family).steps("a\nb ки\n\nc ки") == steps
    assert StepSplit(family=family).steps("no separator") == ("no separator",)
    assert StepSplit(family=family).steps(" \n") == ()


def test_other_separators_and_no_answer() -> None:
    split = StepSplit(separators=(" ки",), append_answer=False)
    assert split.steps("one ки\ntwo. The answer is 5 ки") == ("one", "two. The answer is 5")
    with pytest.raises(ValueError, match="leave one of the two out"):
        StepSplit(separators=("x",), family="qwen")
