"""The step scorers by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from skillray.domains import DOMAINS
from skillray.errors import ConfigError
from skillray.grading.answers import grade_answer
from skillray.grading.difficulty import AdaptmiFilter, StatFilter
from skillray.grading.prm import TagPrm
from skillray.grading.splitting import StepSplit
from skillray.grading.steps import (
    AnnotationSteps,
    ConsistencyStep,
    DomainSteps,
    LengthStep,
    OutcomeStep,
    StepScorerSettings,
    make_step_scorer,
)
from skillray.protocols import StepScorer
from skillray.types import Question, StepScore

QUESTION = Question(question_id=bytes(16), question="?", answer="18", solution="", skills=("s",))


def one(scorer: StepScorer) -> Callable[[Question, str], Any]:
    return lambda question, response: scorer([(question, response)])[0]


def test_outcome_is_one_score() -> None:
    score = one(make_step_scorer(OutcomeStep(), grade=grade_answer))
    assert [step.score for step in score(QUESTION, "1+1=3\n#### 18")] == [1.0]
    assert [step.score for step in score(QUESTION, "#### 17")] == [0.0]
    assert score(QUESTION, " ") == ()


@pytest.mark.parametrize("rule", [StatFilter(), StatFilter(tau1=0.0, tau2=0.0), AdaptmiFilter(tau1=0.99, tau2=0.99)])
@pytest.mark.parametrize(
    ("response", "right"),
    [("1+1=3\n#### 18", True), (r"\boxed{\frac{36}{2}}", True), ("#### 17", False), ("18 or 17", False), ("", False)],
)
def test_with_the_outcome_alone_the_filter_says_right_or_wrong(
    rule: StatFilter | AdaptmiFilter, response: str, right: bool
) -> None:
    steps = one(make_step_scorer(OutcomeStep(), grade=grade_answer))(QUESTION, response)
    assert rule.is_difficult([step.score for step in steps]) is not right


def test_annotations_are_recomputed() -> None:
    score = one(make_step_scorer(AnnotationSteps(), grade=grade_answer))
    assert [step.score for step in score(QUESTION, "<<48/2=24>>24\n<<48+24=71>>71")] == [1.0, 0.0, 0.0]
    assert [step.score for step in score(QUESTION, "<<9*2=18>>18\n#### 18")] == [1.0, 1.0, 1.0]
    assert score(QUESTION, " ") == ()


def test_the_domain_scorer_is_the_domains_checker() -> None:
    domain = DOMAINS["arithmetic"]
    question = domain.generate("addition_with_carry", 1, random.Random(0))
    scores = one(make_step_scorer(DomainSteps(), domain=domain))(question, question.solution)
    assert scores and {step.score for step in scores} == {1.0}


def test_the_domain_scorer_needs_a_domain() -> None:
    with pytest.raises(ConfigError, match="step scorer 'domain'"):
        make_step_scorer(DomainSteps())


def test_settings_are_chosen_by_type() -> None:
    adapter = TypeAdapter(StepScorerSettings)
    assert adapter.validate_python({"type": "outcome"}) == OutcomeStep()
    with pytest.raises(ValueError, match="domain"):
        adapter.validate_python({"type": "oracle"})


OTHER = Question(question_id=bytes(15) + b"1", question="??", answer="1", solution="", skills=("s",))


def test_consistency_counts_the_most_common_answer() -> None:
    score = make_step_scorer(ConsistencyStep(), same=lambda a, b: {a, b} == {"18", "36/2"})
    agreeing = [(QUESTION, "#### 18"), (QUESTION, "#### 7"), (QUESTION, r"\boxed{36/2}")]
    apart = [(OTHER, "#### 1"), (OTHER, "#### 2"), (OTHER, "no answer"), (OTHER, "none at all")]
    assert [steps[0].score for steps in score([*agreeing, *apart])] == [1.0] * 3 + [0.0] * 4


def test_length_is_the_mean_over_samples() -> None:
    score = make_step_scorer(LengthStep(max_words=3))
    answers = [(QUESTION, "a b c d"), (QUESTION, "a"), (OTHER, "a b c"), (OTHER, "a b c")]
    assert [steps[0].score for steps in score(answers)] == [1.0, 1.0, 0.0, 0.0]


def test_a_neural_scorer_is_asked_once_for_all_and_may_refuse() -> None:
    def prm(items: Any) -> list[list[float] | str]:
        assert items == [("?", ("a", "b")), ("??", ())]
        return [[0.25, 1.0], "too long"]

    score = make_step_scorer(TagPrm(model="m", split=StepSplit(append_answer=False)), prm=prm)
    steps = (StepScore(text="a", score=0.25), StepScore(text="b", score=1.0))
    assert score([(QUESTION, "a\n\nb"), (OTHER, "")]) == [steps, "too long"]


def test_length_counts_characters_where_there_are_no_spaces() -> None:
    score = one(make_step_scorer(LengthStep(max_words=5)))
    assert score(QUESTION, "一共五个")[0].score == 1.0 and score(QUESTION, "他们一共有五个苹果")[0].score == 0.0


def test_consistency_reads_answers_without_a_mark() -> None:
    score = make_step_scorer(ConsistencyStep(), same=lambda a, b: a == b)
    assert [steps[0].score for steps in score([(QUESTION, "so 18 are left"), (QUESTION, "\\(18\\)")])] == [1.0, 1.0]
