"""Label: which skills does a question need? For tables that say nothing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any

import pyarrow as pa

from skillray.errors import StageError
from skillray.loop.questions import question_of
from skillray.protocols import OpenTeacher
from skillray.store.schemas import LABELS
from skillray.store.tables import Table
from skillray.teacher.tasks import LabelSkills, Outcome, Reply, Task
from skillray.types import Question


@dataclass(frozen=True)
class Label:
    """Stage: questions to labels."""

    teacher: OpenTeacher
    allowed: Mapping[str, tuple[str, ...]]
    """The vocabulary of each subject; without one the teacher names a skill in words of its own."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        ask = self.teacher()

        def label(questions: pa.Table) -> pa.Table:
            asked = [question_of(row) for row in questions.to_pylist()]
            requests = [LabelSkills(question=one, allowed=self.allowed.get(one.subject, ())) for one in asked]
            can = [not self.allowed or bool(request.allowed) for request in requests]
            replies = iter(ask(Task.LABEL_SKILLS, list(compress(requests, can))))
            rows = [_row(one, next(replies) if able else NONE) for one, able in zip(asked, can, strict=True)]
            return pa.Table.from_pylist(rows, schema=LABELS)

        return label


NONE = Reply(outcome=Outcome.EMPTY)
"""Of a question whose subject has no vocabulary: the pool has none of it."""


def _row(question: Question, reply: Reply) -> dict[str, Any]:
    if reply.outcome is Outcome.UNSUPPORTED:
        raise StageError("data.labelling: this teacher cannot label questions; set another `teacher`")
    skills = reply.value if reply.outcome is Outcome.OK else []
    named = {name: getattr(question, name) for name in ("question_id", "question", "subject")}
    return named | {"skills": skills, "outcome": str(reply.outcome)}


def names_by_subject(labels: Table) -> dict[str, Counter[str]]:
    """How many questions of each subject were given each name."""
    found: dict[str, Counter[str]] = {}
    for row in labels.read(["subject", "skills"]).to_pylist():
        found.setdefault(row["subject"], Counter()).update(row["skills"])
    return found
