"""Diagnose: which skills are missing in the difficult questions?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa

from skillray.diagnosis.blame import failure_rates, to_blame
from skillray.diagnosis.profile import cap_difficult, labels_as_missing
from skillray.diagnosis.votes import Vote, vote
from skillray.errors import StageError
from skillray.loop.questions import question_of
from skillray.protocols import Ask, OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.schemas import GAPS
from skillray.store.tables import Table
from skillray.teacher.tasks import NameMissingSkills, Outcome, Reply, Task
from skillray.types import Id

Row = dict[str, Any]


@dataclass(frozen=True)
class Diagnose:
    """Stage: graded to gaps, one row for each difficult question in `chosen`.

    A reply that the teacher could not give is no gap (C11: failures of a service never become data).
    """

    chosen: frozenset[Id]
    graph: SkillGraph
    """The vocabulary; a question may only miss skills of its subject."""
    teacher: OpenTeacher | None
    """None takes the question's own labels (AdaptMI's plain variant, arXiv 2505.00147)."""
    votes: int = 1
    """Samples of the teacher for each question."""
    rates: Mapping[str, float] | None = None
    """Where labels are taken: only those to blame by these failure rates (`diagnosis.blame`); None takes all."""
    judged_correct: str = "no_gap"
    """`diagnosis.judged_correct`."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        ask = self.teacher() if self.teacher else None

        def diagnose(graded: pa.Table) -> pa.Table:
            rows = [row for row in graded.to_pylist() if row["judged"] and row["question_id"] in self.chosen]
            votes = self._votes(ask, rows) if ask else [Vote(self._labels(row), None) for row in rows]
            gaps = [_gap(row, vote) for row, vote in zip(rows, votes, strict=True)]
            return pa.Table.from_pylist(gaps, schema=GAPS)

        return diagnose

    def _labels(self, row: Row) -> Reply:
        skills: list[str] = row["skills"]
        return labels_as_missing(skills if self.rates is None else to_blame(skills, self.rates))

    def _votes(self, ask: Ask, rows: list[Row]) -> list[Vote]:
        """All samples of all questions in one call."""
        requests = [self._request(row, sample) for row in rows for sample in range(self.votes)]
        replies = map(self._as_gap, ask(Task.NAME_MISSING_SKILLS, requests))
        return [vote(list(islice(replies, self.votes))) for _ in rows]

    def _as_gap(self, reply: Reply) -> Reply:
        """Skills that are named in an answer judged correct are missing, where that was decided so."""
        if self.judged_correct == "no_gap" or reply.outcome is not Outcome.JUDGED_CORRECT or not reply.value:
            return reply
        return replace(reply, outcome=Outcome.OK)

    def _request(self, row: Row, sample: int) -> NameMissingSkills:
        question = question_of(row)
        allowed = self.graph.allowed(question.subject)
        return NameMissingSkills(question=question, response=row["response"], allowed=allowed, sample=sample)


def choose_difficult(graded: Table, limit: int, seed: int) -> frozenset[Id]:
    """The difficult questions to diagnose: a uniform sample of at most `limit` (STAT's 500)."""
    rows = graded.read(["question_id", "judged", "difficult"])
    difficult = rows.filter(pa.compute.and_(rows["judged"], rows["difficult"]))["question_id"].to_pylist()
    return frozenset(cap_difficult(difficult, limit=limit, seed=seed))


def label_failure_rates(graded: Table) -> dict[str, float]:
    """Of every label of the profile questions; a question fails where it is difficult."""
    rows = graded.read(["skills", "judged", "difficult"])
    judged = rows.filter(rows["judged"])
    return failure_rates(zip(judged["skills"].to_pylist(), judged["difficult"].to_pylist(), strict=True))


def _gap(row: Row, voted: Vote) -> Row:
    reply = voted.reply
    if reply.outcome is Outcome.UNSUPPORTED:
        raise StageError(f"diagnose: the teacher could not name missing skills ({reply.outcome})")
    missing = list(reply.value) if reply.outcome is Outcome.OK else []
    kept = {name: row[name] for name in ("question_id", "question", "response", "skills")}
    return kept | {
        "missing_skills": missing,
        "outcome": str(reply.outcome),
        "agreement": voted.agreement,
        "overlap": voted.overlap,
    }
