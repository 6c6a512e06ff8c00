"""What the loop left in the run folder, as frozen values. A file that is not there yet gives its empty value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from skillray.errors import TableError
from skillray.skills.graph import SkillGraph
from skillray.store.files import exists, has_folder, read_bytes, read_json
from skillray.store.layout import RunFolder
from skillray.store.records import Comparison, Contrast, Progress, Status, Student, Summary, read_record


@dataclass(frozen=True, slots=True)
class Inputs:
    name: str
    status: Status
    students: dict[str, Student]
    """Every student of the run, also those that have not begun, in the order of the config."""
    comparisons: tuple[Comparison, ...]
    graph: SkillGraph
    """Every skill of the run; without edges where no graph is known."""
    config: str
    contrasts: tuple[Contrast, ...] = ()
    sets: tuple[str, ...] = ()
    """Names of the evaluation sets, in the order of the config."""

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """(student, what a reader of its numbers must know); a run that goes on has them in its status."""
        shown = {
            name: s.warnings or self.status.students.get(name, Progress()).warnings for name, s in self.students.items()
        }
        return [(name, text) for name, texts in shown.items() for text in texts]

    @property
    def endings(self) -> list[tuple[str, str]]:
        """(student, why) for those that ended before all rounds were done."""
        return [(name, s.outcome) for name, s in self.students.items() if s.outcome and s.stop_reason != "rounds_done"]


def read_inputs(run: RunFolder) -> Inputs:
    """`TableError` when a file is there and damaged; a file that is not there yet is no error."""
    if not has_folder(run.path):
        raise TableError(f"{run.path} is not a run folder: give the folder that `skillray run` wrote")
    status, summary = _status(run), read_record(run.summary, Summary)
    names = dict.fromkeys([*summary.order, *status.students, *summary.students])
    students = {name: summary.students.get(name, Student()) for name in names}
    name = status.run or os.path.basename(run.path.rstrip("/"))
    graph, config = _graph(run, students), _config(run)
    return Inputs(name, status, students, summary.comparisons, graph, config, summary.contrasts, summary.sets)


def _status(run: RunFolder) -> Status:
    """With what was left out of the data among its notes."""
    status = read_record(run.status, Status)
    left_out = read_json(run.data_notes) if exists(run.data_notes) else []
    return status.model_copy(update={"notes": (*status.notes, *map(str, left_out))})


def _graph(run: RunFolder, students: Mapping[str, Student]) -> SkillGraph:
    """The graph of the run; skills that only the scores name are added without prerequisites and subject."""
    found = read_json(run.graph) if exists(run.graph) else {}
    needs = found.get("prerequisites") or {}
    scored = [skill for student in students.values() for r in student.rounds for skill in r.by_skill]
    skills = dict.fromkeys([*found.get("skills", ()), *needs, *scored])
    return SkillGraph(
        {skill: tuple(needs.get(skill, ())) for skill in skills},
        found.get("subjects") or {},
        {unit: tuple(members) for unit, members in (found.get("members") or {}).items()},
    )


def _config(run: RunFolder) -> str:
    if not exists(run.config):
        return ""
    return read_bytes(run.config).decode("utf-8", "backslashreplace")
