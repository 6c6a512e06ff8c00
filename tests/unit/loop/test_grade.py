"""Which sample is judged, and scores that are no scores. The scorer is a look-up by response."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from skillray.config.model import GradingSettings
from skillray.grading.answers import Verdict
from skillray.grading.prm import ChatPrm
from skillray.grading.steps import OutcomeStep
from skillray.loop.grade import Grade
from skillray.loop.prm import open_prm
from skillray.store.schemas import ROLLOUTS
from skillray.types import StepScore
from tests.tiny import save_tiny_student

STAGE = Grade(GradingSettings(), domain=None)
SCORES = {
    "long": "900 tokens",
    "good": [1.0, 0.9],
    "poor": [0.5, 0.9],
    "nan": [0.9, math.nan],
    "above": [1.2],
    "null": [0.9, None],
}
ROW = {
    "question_id": b"q" * 16,
    "question": "?",
    "answer": "1",
    "solution": "",
    "level": 1,
    "skills": [],
    "subject": "",
    "finished": True,
}


def judge(*responses: str, finished: bool = True) -> list[dict]:
    def steps(response):
        scores = SCORES[response]
        return scores if isinstance(scores, str) else tuple(StepScore(text=response, score=score) for score in scores)

    samples = [
        ROW | {"response": response, "sample": place, "finished": finished} for place, response in enumerate(responses)
    ]
    verdicts = {(response, "1"): Verdict.CORRECT for response in responses}
    return STAGE._judge(samples, [steps(response) for response in responses], verdicts)


def test_the_best_sample_decides():
    rows = judge("poor", "good")
    assert [row["judged"] for row in rows] == [False, True]
    assert not rows[0]["difficult"] and rows[1]["step_scores"] == [1.0, 0.9]
    assert [row["refused"] for row in rows] == [None, None]


def test_an_answer_that_never_ended_is_difficult_however_good_its_steps():
    [whole], [cut] = judge("good"), judge("good", finished=False)
    assert not whole["difficult"] and cut["difficult"] and cut["judged"] and cut["step_scores"] == [1.0, 0.9]
    assert not any(row["difficult"] for row in judge("nan", "above", finished=False))  # of those nothing is said


def test_steps_that_a_domain_cannot_read_are_counted(tmp_path):
    row = ROW | {"question": "What is 12+7?", "answer": "19", "source_id": None, "split": "profile", "sample": 0}
    row |= {"num_tokens": 1, "finished": True}
    texts = ["12 + 7 = 19 pens", "n = 12 + 7\nn = 19", "12+7=19\n#### 19"]
    rows = [row | {"question_id": bytes([n]) * 16, "response": text} for n, text in enumerate(texts)]
    found = Grade(GradingSettings(), domain="arithmetic").open()(pa.Table.from_pylist(rows, schema=ROLLOUTS))
    assert found["unread_steps"].to_pylist() == [0, 2, 0]
    assert found["step_scores"].to_pylist() == [[1.0, 1.0], [1.0], [1.0, 1.0]]
    assert found["difficult"].to_pylist() == [False] * 3
    outcome = Grade(GradingSettings(scorer=OutcomeStep()), domain=None).open()
    assert outcome(pa.Table.from_pylist(rows, schema=ROLLOUTS))["unread_steps"].null_count == 3


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("long", "900 tokens"),
        ("nan", "step score 2 of 2 is nan"),
        ("above", "step score 1 of 1 is 1.2"),
        ("null", "step score 2 of 2 is None"),
    ],
)
def test_scores_that_are_no_scores_are_neither_compared_nor_averaged(response, reason):
    refused, poor = judge(response, "poor")
    assert reason in refused["refused"] and refused["step_scores"] == [] and not refused["judged"]
    assert refused["correct"]  # its answer is right all the same
    assert poor["judged"] and poor["difficult"] and poor["refused"] is None


def test_a_question_without_a_usable_score_is_not_called_difficult():
    rows = judge("nan", "above")
    assert not any(row["judged"] or row["difficult"] for row in rows)


def test_a_reward_model_scores_the_steps_of_a_table(tmp_path):
    """A tiny random language model as chat PRM: what is too long for it is refused, the rest has a score a step."""
    scorer = ChatPrm(model=save_tiny_student(tmp_path), dtype="fp32")
    stage = Grade(GradingSettings(scorer=scorer), domain=None, open_prm=lambda: open_prm(scorer, "cpu").score)
    responses = ["1+1=2\n\n#### 2", "x" * 300, ""]
    rows = [
        ROW | {"question_id": bytes([n]) * 16, "answer": "2", "source_id": None, "split": "profile", "sample": 0}
        | {"response": response, "num_tokens": 1, "finished": True}
        for n, response in enumerate(responses)
    ]  # fmt: skip
    graded = stage.open()(pa.Table.from_pylist(rows, schema=ROLLOUTS)).to_pylist()
    assert [len(row["step_scores"]) for row in graded] == [3, 0, 0]
    assert graded[0]["step_texts"] == ["1+1=2", "#### 2", "The final answer is: \\boxed{2}."]
    assert all(0.0 < score < 1.0 for score in graded[0]["step_scores"]) and graded[0]["correct"]
    assert [row["refused"] is None for row in graded] == [True, False, True]
    assert "the reward model reads 256" in graded[1]["refused"]
    assert graded[2]["difficult"]  # nothing was written


def test_thoughts_are_no_part_of_what_is_graded() -> None:
    settings = GradingSettings(scorer=OutcomeStep())
    rows = [
        ROW | {"response": text, "sample": n, "num_tokens": 9, "finished": True}
        for n, text in enumerate(("<think>\nIt is \\boxed{1}.\n</think>\n\n#### 2", "<think>It is 1", "#### 1"))
    ]
    table = pa.Table.from_pylist([{name: row.get(name) for name in ROLLOUTS.names} for row in rows], schema=ROLLOUTS)
    graded = Grade(settings, domain=None).open()(table).to_pylist()
    assert [row["response"] for row in graded] == ["#### 2", "", "#### 1"]
    assert [row["correct"] for row in graded] == [False, False, True]
    assert not any("think" in step for row in graded for step in row["step_texts"])
