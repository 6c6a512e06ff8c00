"""Grade: is the final answer right, how good is each step, is the question difficult for this student?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import pyarrow as pa

from skillray.config.model import GradingSettings
from skillray.domains import DOMAINS
from skillray.errors import DataError
from skillray.grading.answers import Verdict
from skillray.grading.difficulty import check_scores, judged_sample
from skillray.grading.pool import AnswerPool
from skillray.grading.prm_model import Score
from skillray.grading.steps import make_reader, make_step_scorer
from skillray.loop.questions import question_of
from skillray.store.schemas import GRADED
from skillray.thoughts import without_thoughts
from skillray.types import Question, StepScore

Row = dict[str, Any]


@dataclass(frozen=True)
class Grade:
    """Stage: rollouts to graded. The samples of a question are next to each other, and judged together."""

    settings: GradingSettings
    domain: str | None
    """Where the questions come from, when a domain made them."""
    open_prm: Callable[[], Score] | None = None
    """Connects to the reward model, where the scorer is a neural one."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        pool = AnswerPool(deadline_s=self.settings.answer_timeout_s)
        domain = DOMAINS[self.domain] if self.domain else None
        prm = self.open_prm() if self.open_prm else None
        unread = make_reader(self.settings.scorer, domain)

        def grade(rollouts: pa.Table) -> pa.Table:
            # A student's thoughts are no part of its answer: no step, no final answer, nothing for a teacher to read.
            replies = [row | {"response": without_thoughts(row["response"])} for row in rollouts.to_pylist()]
            rows = [row | {"unread_steps": _unread(row, unread)} for row in replies]
            verdicts = dict(zip(pairs := _pairs(rows), pool.grade(pairs), strict=True))
            scorer = make_step_scorer(
                self.settings.scorer, domain=domain, grade=lambda *pair: verdicts[pair], same=pool.same, prm=prm
            )
            steps = iter(scorer([(question_of(row), row["response"]) for row in rows]))
            judged = (self._judge(group, list(islice(steps, len(group))), verdicts) for group in _by_question(rows))
            graded = [done for group in judged for done in group]
            return pa.Table.from_pylist(graded, schema=GRADED)

        return grade

    def _judge(
        self,
        samples: list[Row],
        steps: list[tuple[StepScore, ...] | str],
        verdicts: dict[tuple[str, str], Verdict],
    ) -> list[Row]:
        """The samples of one question, with their steps; the judged one decides whether it is difficult.

        A sample that has no scores, or scores that are none (NaN, out of range), is refused: it is neither compared nor
        averaged, and when all are, nothing is said about the question. A judged sample that was cut off by the length
        limit never came to its answer, so the question is difficult whatever its steps are worth.
        """
        refused = [one if isinstance(one, str) else _refusal(one) for one in steps]
        written = [() if isinstance(one, str) else one for one in steps]
        usable = [place for place, reason in enumerate(refused) if reason is None]
        scores = [[step.score for step in written[place]] for place in usable]
        judged = judged_sample(scores) if usable else None
        difficult = judged is not None and (
            # What was cut off has no end that could be right (AdaptMI's code always has one, arXiv 2505.00147).
            not samples[usable[judged]]["finished"] or self.settings.filter.is_difficult(scores[judged])
        )
        graded = []
        for place, (row, one, reason) in enumerate(zip(samples, written, refused, strict=True)):
            verdict = verdicts[row["response"], row["answer"]]
            columns = {
                "step_texts": [step.text for step in one],
                "step_scores": [step.score for step in one] if reason is None else [],
                "step_skills": [step.skill for step in one],
            }
            found = {"correct": verdict is Verdict.CORRECT, "verdict": str(verdict), "refused": reason}
            is_judged = judged is not None and place == usable[judged]
            graded.append(row | columns | found | {"judged": is_judged, "difficult": difficult})
        return graded


def _refusal(steps: tuple[StepScore, ...]) -> str | None:
    try:
        check_scores([step.score for step in steps])
    except DataError as error:
        return str(error)
    return None


def _unread(row: Row, unread: Callable[[Question, str], int] | None) -> int | None:
    return None if unread is None else unread(question_of(row), row["response"])


def _pairs(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row["response"], row["answer"]) for row in rows]


def _by_question(rows: list[Row]) -> Iterator[list[Row]]:
    for _, group in groupby(rows, key=lambda row: row["question_id"]):
        yield list(group)
