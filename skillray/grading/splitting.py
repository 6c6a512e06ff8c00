"""Where the steps of a response are, as data: process reward models were trained on different ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from skillray.grading.answers import extract_answer
from skillray.thoughts import without_thoughts
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


_DELIMITER = re.compile(
    r"\\(?:begin|end)\s*\{[a-zA-Z]+\*?\}(?:\s*(?:\{[^{}]*\}|\[[^\[\]]*\]))?"  # \begin{array}{cc}
    r"|\\[\[\]()]|\$\$?|```[\w+-]*|~~~[\w+-]*|\\\\|-{3,}|\*{3,}|_{3,}"
)
"""What sets a formula or a block of code apart; a line of nothing else says nothing that could be right or wrong."""
_HASHES = re.compile(r"####(?!#).*")


class StepSplit(Value):
    """A response is cut at its separators; empty pieces are no steps, and one without a separator is one step. A piece
    of nothing but delimiters (`\\[`, `\\begin{align*}`, a code fence) is no step either: how a formula is set is style.
    """

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
        """In order; empty when nothing was written. What a reasoning model thinks before its reply is no part of it."""
        response = without_thoughts(response)
        held = (mark for mark in self.separators or SEPARATORS[self.family] if mark in response.strip())
        separator = next(held, None)
        pieces = [response] if separator is None else response.split(separator)
        steps = [piece.strip() for piece in pieces if not is_bare(piece)]
        answer = extract_answer(response)
        if steps and self.append_answer and answer is not None:
            if separator == "\n" and len(steps) > 1 and _HASHES.fullmatch(steps[-1]):
                steps.pop()  # at blank lines, where AdaptMI cuts, `####` stands in the step before it
            steps.append(f"The final answer is: \\boxed{{{answer}}}.")
        return tuple(steps)


def is_bare(text: str) -> bool:
    """Whether nothing is left of `text` without delimiters and spaces."""
    return not _DELIMITER.sub("", text).strip()
