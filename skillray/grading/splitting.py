"""Where the steps of a response are, as data: process reward models were trained on different ones."""

from __future__ import annotations

from skillray.grading.answers import extract_answer
from skillray.types import Value


class StepSplit(Value):
    """A response is cut at `separators`; empty pieces are no steps.

    AdaptMI's code (arXiv 2505.00147, math-rm/rm_classify.py) cuts at a marker for models trained on Mistral's steps and
    at blank lines for those trained on Deepseek's. A student's response has no markers, so blank lines are the default,
    and a response without any is cut at its lines (ours; it would be a single step otherwise).
    """

    separators: tuple[str, ...] = ("\n\n", "\n")
    """The first one that the response holds is taken."""
    append_answer: bool = True
    """Add a last step that states the final answer, where there is one: then "the last step" of the reward filter is
    the answer (AdaptMI's code; STAT's paper, arXiv 2510.10023, is silent)."""

    def steps(self, response: str) -> tuple[str, ...]:
        """In order; empty when nothing was written."""
        pieces = [response]
        for separator in self.separators:
            if separator and separator in response.strip():
                pieces = response.split(separator)
                break
        steps = [piece.strip() for piece in pieces if piece.strip()]
        answer = extract_answer(response)
        if steps and self.append_answer and answer is not None:
            steps.append(f"The answer is: $\\boxed{{{answer}}}$.")
        return tuple(steps)
