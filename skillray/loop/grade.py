"""Grade: is the final answer right, how good is each step, is the question difficult for this student?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from skillray.config.model import GradingSettings
from skillray.domains import DOMAINS
from skillray.errors import DataError
from skillray.grading.answers import Verdict
from skillray.grading.difficulty import check_scores, judged_sample
from skillray.grading.pool import AnswerPool
from skillray.grading.steps import make_step_scorer
from skillray.loop.questions import question_of
from skillray.protocols import StepScorer
from skillray.store.schemas import GRADED
from skillray.types import StepScore

Row = dict[str, Any]


@dataclass(frozen=True)
class Grade:
    """Stage: rollouts to graded. The samples of a question are next to each other, and judged together."""

    settings: GradingSettings
    domain: str | None
    """Where the questions come from, when a domain made them."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        pool = AnswerPool(deadline_s=self.settings.answer_timeout_s)
        domain = DOMAINS[self.domain] if self.domain else None

        def grade(rollouts: pa.Table) -> pa.Table:
            rows = rollouts.to_pylist()
            verdicts = dict(zip(pairs := _pairs(rows), pool.grade(pairs), strict=True))
            scorer = make_step_scorer(self.settings.scorer, domain=domain, grade=lambda *pair: verdicts[pair])
            graded = [done for group in _by_question(rows) for done in self._judge(group, scorer, verdicts)]
            return pa.Table.from_pylist(graded, schema=GRADED)

        return grade

    def _judge(self, samples: list[Row], scorer: StepScorer, verdicts: dict[tuple[str, str], Verdict]) -> list[Row]:
        """The samples of one question, with their steps; the judged one decides whether it is difficult.

        A sample whose scores are no scores (NaN, out of range) is refused: it is neither compared nor averaged, and
        when all are, nothing is said about the question.
        """
        steps = [scorer(question_of(row), row["response"]) for row in samples]
        refused = [_refusal(one) for one in steps]
        usable = [place for place, reason in enumerate(refused) if reason is None]
        scores = [[step.score for step in steps[place]] for place in usable]
        judged = judged_sample(scores) if usable else None
        difficult = judged is not None and self.settings.filter.is_difficult(scores[judged])
        graded = []
        for place, (row, one, reason) in enumerate(zip(samples, steps, refused, strict=True)):
            verdict = verdicts[row["response"], row["answer"]]
            written = {
                "step_texts": [step.text for step in one],
                "step_scores": [step.score for step in one] if reason is None else [],
                "step_skills": [step.skill for step in one],
            }
            found = {"correct": verdict is Verdict.CORRECT, "verdict": str(verdict), "refused": reason}
            is_judged = judged is not None and place == usable[judged]
            graded.append(row | written | found | {"judged": is_judged, "difficult": difficult})
        return graded


def _refusal(steps: tuple[StepScore, ...]) -> str | None:
    try:
        check_scores([step.score for step in steps])
    except DataError as error:
        return str(error)
    return None


def _pairs(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row["response"], row["answer"]) for row in rows]


def _by_question(rows: list[Row]) -> Iterator[list[Row]]:
    for _, group in groupby(rows, key=lambda row: row["question_id"]):
        yield list(group)
