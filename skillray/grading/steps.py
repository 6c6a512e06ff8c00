"""Who scores the steps of a response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, assert_never

from pydantic import Field

from skillray.domains.arithmetic.annotations import check_annotations
from skillray.errors import ConfigError
from skillray.grading.answers import Verdict, extract_answer
from skillray.protocols import Domain, StepScorer
from skillray.types import Question, StepScore, Value

Grade = Callable[[str, str], Verdict]
"""(response, reference) -> verdict; `AnswerPool`'s, or a look-up of verdicts already made."""


class DomainSteps(Value):
    """The exact checker of the question's procedural domain: 0 or 1 a step, and the skill of each."""

    type: Literal["domain"] = "domain"


class AnnotationSteps(Value):
    """GSM8K's calculator annotations `<<48/2=24>>`, each recomputed, and a last step for the final answer.

    Recomputing says nothing about a wrong idea worked out right, so a last step stands for the answer, as in AdaptMI's
    code (arXiv 2505.00147, rm_classify.py). There a PRM judges it; here the reference does: ground truth is used.
    """

    type: Literal["annotations"] = "annotations"


class OutcomeStep(Value):
    """One score for the whole response: 1.0 when its final answer equals the reference (math-verify), else 0.0.

    This is not STAT's process reward model (arXiv 2510.10023, C.1): it cannot see a wrong step before a right answer,
    and it uses the ground truth, which STAT's filter does not. With one score of 1 or 0 the reward filter R(q) says
    right or wrong, whatever its thresholds below 1.
    """

    type: Literal["outcome"] = "outcome"


StepScorerSettings = Annotated[DomainSteps | AnnotationSteps | OutcomeStep, Field(discriminator="type")]


def make_step_scorer(
    settings: DomainSteps | AnnotationSteps | OutcomeStep, *, domain: Domain | None = None, grade: Grade | None = None
) -> StepScorer:
    """The scorer that `settings` name; `ConfigError` when it needs a domain and there is none."""
    match settings:
        case DomainSteps():
            if domain is None:
                raise ConfigError("step scorer 'domain': the questions come from no domain; use outcome or a PRM")
            return domain.check
        case AnnotationSteps():
            assert grade is not None, "the annotation scorer is given a way to grade"
            return _annotation_scorer(grade)
        case OutcomeStep():
            assert grade is not None, "the outcome scorer is given a way to grade"
            return _outcome_scorer(grade)
        case _:
            assert_never(settings)


def _annotation_scorer(grade: Grade) -> StepScorer:
    def score(question: Question, response: str) -> tuple[StepScore, ...]:

        lines: tuple[StepScore, ...] = check_annotations(response)
        return (*lines, _answer_step(question, response, grade)) if lines else ()

    return score


def _answer_step(question: Question, response: str, grade: Grade) -> StepScore:
    right = grade(response, question.answer) is Verdict.CORRECT
    return StepScore(text=extract_answer(response) or "", score=float(right))


def _outcome_scorer(grade: Grade) -> StepScorer:
    def score(question: Question, response: str) -> tuple[StepScore, ...]:
        if not response.strip():
            return ()
        right = grade(response, question.answer) is Verdict.CORRECT
        return (StepScore(text=response, score=float(right)),)

    return score
