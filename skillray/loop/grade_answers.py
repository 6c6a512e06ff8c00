"""Grade by the final answer alone: what evaluation sets need, whose questions no step scorer knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from skillray.grading.answers import Verdict, extract_answer
from skillray.grading.pool import AnswerPool
from skillray.store.schemas import ANSWERS

Row = dict[str, Any]


@dataclass(frozen=True)
class GradeAnswers:
    """Stage: rollouts to answers. The samples of a question are next to each other."""

    timeout_s: float
    """CPU seconds for one answer; its verdict is `timeout` then."""
    votes: bool
    """Whether equal answers of a question must be known as equal: majority votes need it, and it takes comparisons."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        pool = AnswerPool(deadline_s=self.timeout_s)

        def grade(rollouts: pa.Table) -> pa.Table:
            rows = rollouts.to_pylist()
            verdicts = pool.grade([(row["response"], row["answer"]) for row in rows])
            judged = [
                row | {"correct": verdict is Verdict.CORRECT, "verdict": str(verdict), "vote": None}
                for row, verdict in zip(rows, verdicts, strict=True)
            ]
            if self.votes:
                judged = [row for samples in _by_question(judged) for row in _with_votes(samples, pool.same)]
            return pa.Table.from_pylist(judged, schema=ANSWERS)

        return grade


def _by_question(rows: list[Row]) -> Iterator[list[Row]]:
    for _, samples in groupby(rows, key=lambda row: row["question_id"]):
        yield list(samples)


def _with_votes(samples: list[Row], same: Callable[[str, str], bool]) -> list[Row]:
    answers = [extract_answer(row["response"]) for row in samples]
    votes = votes_of(answers, [row["correct"] for row in samples], same)
    return [row | {"vote": vote} for row, vote in zip(samples, votes, strict=True)]


def votes_of(
    answers: Sequence[str | None], correct: Sequence[bool], same: Callable[[str, str], bool]
) -> list[int | None]:
    """For each sample the place of the first one that gives the same final answer; None for one that gives none.

    Right answers are one vote, for all of them equal the reference. A wrong one is compared with the first of every
    vote of wrong answers, and with no more than that.
    """
    votes: list[int | None] = []
    first_right: int | None = None
    leaders: list[tuple[int, str]] = []
    by_text: dict[str, int] = {}
    for place, (answer, is_right) in enumerate(zip(answers, correct, strict=True)):
        if is_right:
            first_right = place if first_right is None else first_right
            votes.append(first_right)
            continue
        if answer is None:
            votes.append(None)
            continue
        if answer not in by_text:
            leader = next((number for number, text in leaders if same(answer, text)), place)
            by_text[answer] = leader
            leaders += [(place, answer)] if leader == place else []
        votes.append(by_text[answer])
    return votes
