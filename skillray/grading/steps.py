"""Who scores the steps of a response."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Annotated, Literal, assert_never

from pydantic import Field, PositiveInt

from skillray.domains.arithmetic.annotations import check_annotations, unread_annotations
from skillray.domains.base import Domain
from skillray.errors import ConfigError
from skillray.grading.answers import Verdict, extract_answer
from skillray.grading.extract import read_answers
from skillray.grading.prm import ChatPrm, TagPrm, TokenPrm
from skillray.grading.prm_model import Score, Scored
from skillray.grading.splitting import StepSplit
from skillray.grading.texts import split_words
from skillray.protocols import StepScorer
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
    """One score for the whole response: 1.0 when its final answer equals the reference, else 0.0.

    This is not STAT's process reward model (arXiv 2510.10023, C.1): it cannot see a wrong step before a right answer,
    and it uses the ground truth, which STAT's filter does not. With one score of 1 or 0 the reward filter R(q) says
    right or wrong, whatever its thresholds below 1.
    """

    type: Literal["outcome"] = "outcome"


class ConsistencyStep(Value):
    """One score for all samples of a question: 1.0 when at least `min_votes` of them have the same final answer.

    A cheap substitute for a reward model, without ground truth: STAT's paper takes 5 samples and calls a question
    difficult when its most common answer appears less than twice (arXiv 2510.10023, ablations).
    """

    type: Literal["consistency"] = "consistency"
    min_votes: PositiveInt = 2


class LengthStep(Value):
    """One score for all samples of a question: 0.0 when they have `max_words` words or more on average, else 1.0.

    The other cheap substitute of STAT's paper, with its 800 words (arXiv 2510.10023, ablations).
    """

    type: Literal["length"] = "length"
    max_words: PositiveInt = 800


Settings = DomainSteps | AnnotationSteps | OutcomeStep | ConsistencyStep | LengthStep | ChatPrm | TagPrm | TokenPrm
StepScorerSettings = Annotated[Settings, Field(discriminator="type")]
ScoreOne = Callable[[Question, str], tuple[StepScore, ...]]
Same = Callable[[str, str], bool]
"""Whether two final answers are equal."""


def make_step_scorer(
    settings: Settings,
    *,
    domain: Domain | None = None,
    grade: Grade | None = None,
    same: Same | None = None,
    prm: Score | None = None,
) -> StepScorer:
    """The scorer that `settings` name; `ConfigError` when it needs a domain and there is none.

    Args:
        prm: the reward model that the settings of a neural scorer name.
    """
    match settings:
        case DomainSteps():
            if domain is None:
                raise ConfigError("step scorer 'domain': the questions come from no domain; use outcome or a PRM")
            return _one_by_one(domain.check)
        case AnnotationSteps():
            assert grade is not None, "the annotation scorer is given a way to grade"
            return _one_by_one(_annotation_scorer(grade))
        case OutcomeStep():
            assert grade is not None, "the outcome scorer is given a way to grade"
            return _one_by_one(_outcome_scorer(grade))
        case ConsistencyStep():
            assert same is not None, "the consistency scorer is given a way to compare"
            return _by_question(lambda responses: float(_votes(responses, same) >= settings.min_votes))
        case LengthStep():
            return _by_question(lambda responses: float(_mean_words(responses) < settings.max_words))
        case ChatPrm() | TagPrm() | TokenPrm():
            assert prm is not None, "a neural scorer is given its model"
            return _neural(settings.split, prm)
        case _:
            assert_never(settings)


def make_reader(settings: Settings, domain: Domain | None) -> Callable[[Question, str], int] | None:
    """How many worked lines of a response the scorer of `settings` cannot check; None where it reads any text."""
    match settings:
        case DomainSteps():
            return domain.unread if domain is not None else None
        case AnnotationSteps():
            return lambda _, response: unread_annotations(response)
        case _:
            return None


def _one_by_one(score: ScoreOne) -> StepScorer:
    def scorer(answers: Sequence[tuple[Question, str]]) -> list[tuple[StepScore, ...] | str]:
        return [score(question, response) for question, response in answers]

    return scorer


def _by_question(score: Callable[[Sequence[str]], float]) -> StepScorer:
    """The question's score stands at each of its samples, as their only step."""

    def scorer(answers: Sequence[tuple[Question, str]]) -> list[tuple[StepScore, ...] | str]:
        found: list[tuple[StepScore, ...] | str] = []
        for _, group in groupby(answers, key=lambda answer: answer[0].question_id):
            responses = [response for _, response in group]
            value = score(responses)
            found += [(StepScore(text=response, score=value),) for response in responses]
        return found

    return scorer


def _neural(split: StepSplit, prm: Score) -> StepScorer:
    def scorer(answers: Sequence[tuple[Question, str]]) -> list[tuple[StepScore, ...] | str]:
        steps = [split.steps(response) for _, response in answers]
        scored = prm([(question.question, each) for (question, _), each in zip(answers, steps, strict=True)])
        return [_paired(texts, scores) for texts, scores in zip(steps, scored, strict=True)]

    return scorer


def _paired(texts: Sequence[str], scores: Scored) -> tuple[StepScore, ...] | str:
    if isinstance(scores, str):
        return scores
    return tuple(StepScore(text=text, score=score) for text, score in zip(texts, scores, strict=True))


def _votes(responses: Iterable[str], same: Same) -> int:
    """Samples with the most common final answer; those without one vote for none."""
    votes: Counter[str] = Counter()
    for answers in map(read_answers, responses):
        for answer in answers[:1]:
            votes[next((known for known in votes if known == answer or same(known, answer)), answer)] += 1
    return max(votes.values(), default=0)


def _mean_words(responses: Sequence[str]) -> float:
    return sum(len(split_words(response)) for response in responses) / len(responses)


def _annotation_scorer(grade: Grade) -> ScoreOne:
    def score(question: Question, response: str) -> tuple[StepScore, ...]:

        lines: tuple[StepScore, ...] = check_annotations(response)
        return (*lines, _answer_step(question, response, grade)) if lines else ()

    return score


def _answer_step(question: Question, response: str, grade: Grade) -> StepScore:
    right = grade(response, question.answer) is Verdict.CORRECT
    return StepScore(text=extract_answer(response) or "", score=float(right))


def _outcome_scorer(grade: Grade) -> ScoreOne:
    def score(question: Question, response: str) -> tuple[StepScore, ...]:
        if not response.strip():
            return ()
        right = grade(response, question.answer) is Verdict.CORRECT
        return (StepScore(text=response, score=float(right)),)

    return score
