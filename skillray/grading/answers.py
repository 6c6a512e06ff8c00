"""Is the final answer right? Read by `grading.extract`, compared by `grading.compare`.

Model text is never evaluated as code. What can be slow, the reading of formulas, runs only in the killable child
processes of `grading.pool`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from skillray.grading.compare import equal, quick_equal
from skillray.grading.extract import answer_span as answer_span
from skillray.grading.extract import extract_answer as extract_answer
from skillray.grading.extract import read_answers
from skillray.grading.normalise import clean as clean
from skillray.grading.numbers import MAX_ANSWER


class Verdict(StrEnum):
    """How a response was graded; only CORRECT counts as right."""

    CORRECT = "correct"
    """The final answer equals the reference."""
    WRONG = "wrong"
    """There is a final answer, and it differs from the reference."""
    NO_ANSWER = "no_answer"
    """No final answer was found in the response."""
    TOO_LONG = "too_long"
    """The final answer has more than MAX_ANSWER characters and was not parsed."""
    TIMEOUT = "timeout"
    """The comparison did not end before the deadline."""
    CRASHED = "crashed"
    """The process that compared died, for example for lack of memory."""


def quick_verdict(response: str, reference: str) -> Verdict | None:
    """The verdict where equal texts or exact numbers decide; None where formulas must be read."""
    verdicts = [quick_comparison(answer, reference) for answer in read_answers(response)]
    return Verdict.CORRECT if Verdict.CORRECT in verdicts else None if None in verdicts else best(verdicts)


def best(verdicts: Sequence[Verdict | None]) -> Verdict:
    """The verdict on a response from those on its answers (`extract.read_answers`), of which one must be right."""
    if Verdict.CORRECT in verdicts:
        return Verdict.CORRECT
    return next((verdict for verdict in verdicts if verdict), Verdict.NO_ANSWER)


def quick_comparison(answer: str, reference: str) -> Verdict | None:
    """What texts and exact numbers say of an answer that was read already; None where formulas must be."""
    if len(answer) > MAX_ANSWER:
        return Verdict.CORRECT if "".join(answer.split()) == "".join(clean(reference).split()) else Verdict.TOO_LONG
    return _verdict(quick_equal(answer, reference))


def compare_answers(answer: str, reference: str) -> Verdict:
    """The verdict on an answer that was read already. It may never end: only a child of `grading.pool` calls it."""
    quick = quick_comparison(answer, reference)
    if quick is not None:
        return quick
    return Verdict.CORRECT if equal(answer, reference) else Verdict.WRONG


def grade_answer(response: str, reference: str) -> Verdict:
    """The verdict on a response. It may never end, as `compare_answers`."""
    return best([compare_answers(answer, reference) for answer in read_answers(response)])


def _verdict(is_equal: bool | None) -> Verdict | None:
    if is_equal is None:
        return None
    return Verdict.CORRECT if is_equal else Verdict.WRONG
