"""Where the steps of a response are, as data: process reward models were trained on different ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from skillray.grading.answers import extract_answer
from skillray.types import Value

Family = Literal["any", "rlhflow_mistral", "rlhflow_deepseek", "math_shepherd", "qwen"]
SEPARATORS: Mapping[Family, tuple[str, ...]] = {
    "any": ("\n\n", "\n"),
    "rlhflow_mistral": ("ки\n",),
    "rlhflow_deepseek": ("\n\n",),
    "math_shepherd": ("\n",),
    "qwen": ("\n\n",),
}
"""By whose steps they are.

`any` is ours: blank lines, and a response without any is cut at its lines; it would be a single step otherwise.
`rlhflow_*` are the two model types of RLHFlow's prm_evaluate.py, which AdaptMI's rm_classify.py (arXiv 2505.00147) took
over: the first one finds steps only in what a model wrote that was trained to mark them. Math-Shepherd (arXiv
2312.08935) has a step a line. Qwen's cards advise blank lines (arXiv 2501.07301).
"""


class StepSplit(Value):
    """A response is cut at its separators; empty pieces are no steps, and one without a separator is one step."""

    family: Family = "any"
    """Whose separators."""
    separators: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Others than any family's. The first one that the response holds is taken."""
    append_answer: bool = True
    """Add a last step that states the final answer, where there is one: then "the last step" of the reward filter is
    the answer (AdaptMI's code; STAT's paper, arXiv 2510.10023, is silent)."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.separators and self.family != "any":
            raise ValueError(f"separators are given, and family is {self.family!r}: leave one of the two out")
        return self

    def steps(self, response: str) -> tuple[str, ...]:
        """In order; empty when nothing was written."""
        held = (mark for mark in self.separators or SEPARATORS[self.family] if mark in response.strip())
        separator = next(held, None)
        pieces = [response] if separator is None else response.split(separator)
        steps = [piece.strip() for piece in pieces if piece.strip()]
        answer = extract_answer(response)
        if steps and self.append_answer and answer is not None:
            steps.append(f"The final answer is: \\boxed{{{answer}}}.")
        return tuple(steps)
