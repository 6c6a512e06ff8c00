"""What the loop left in the run folder, as frozen values. A file that is not there yet gives its empty value."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from skillray.errors import TableError
from skillray.skills.graph import SkillGraph
from skillray.store.files import exists, has_folder, read_bytes, read_json
from skillray.store.layout import RunFolder


class Record(BaseModel):
    """A part of status.json or summary.json; keys that the report does not show are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Estimate(Record):
    """A mean with its 95% interval over `n` questions, all as shares in [0, 1]."""

    mean: float
    low: float
    high: float
    n: int


def _known(value: Any) -> Any:
    """None for an estimate over no question: its mean is null or NaN."""
    if not isinstance(value, Mapping) or "mean" not in value:
        return value
    mean = value["mean"]
    return None if mean is None or math.isnan(mean) else value


Known = Annotated[Estimate | None, BeforeValidator(_known)]


class Steps(Record):
    """Written steps with figures, by whether the step scorer could check them."""

    read: int = 0
    unread: int = 0

    @property
    def share(self) -> float:
        return self.read / max(1, self.read + self.unread)


class Profile(Record):
    """A Missing-Skill-Profile: how many difficult questions miss each skill (STAT, arXiv 2510.10023, 2.2)."""

    counts: dict[str, int] = {}
    difficult: int = 0
    questions: int = 0
    judged_correct: int = 0
    agreement: float | None = None
    """Of the teacher's samples on a question, on average; None where it was asked once."""
    overlap: float | None = None
    """Share of its first sample's skills that its others name, on average; None likewise."""
    steps: Steps | None = None
    """None where the step scorer reads any text."""


class SetScore(Estimate):
    """What an evaluation set's metric gives."""

    metric: str = ""


class SubjectScore(Record):
    accuracy: Known = None
    difficult: Known = None
    """Share of the subject's questions that the filter calls difficult."""


class Change(Record):
    """A paired difference of shares, after minus before or arm minus control, with its 95% interval."""

    difference: float
    low: float
    high: float
    wins: int = 0
    losses: int = 0
    p_value: float = 1.0


class Contrast(Record):
    """A pair of students that the config named, on one column of the table of sets."""

    on: str
    arm: str
    control: str
    comparison: Change
    adjusted: float
    verdict: str


class Round(Record):
    """One round of one student; round -1 is the student before any training."""

    round: int
    accuracy: Known = None
    on_difficult: Known = None
    """Over the questions that were difficult before training (STAT's MATH^D)."""
    on_rest: Known = None
    """Over the questions that were not difficult before training."""
    by_skill: dict[str, Known] = {}
    by_subject: dict[str, SubjectScore] = {}
    sets: dict[str, SetScore] = {}
    mean: float | None = None
    """Plain mean over held-out, difficult and every set; None where one is missing, or there is no set."""
    profile: Profile | None = None
    """Of the student after the round's training: the evidence of the round that follows."""
    tokens: int = 0
    steps: int = 0
    examples: int = 0
    probe_tokens: int = 0
    """Of the fit that an error baseline comes from, whose weights are thrown away."""
    notes: dict[str, float] = {}


class Student(Record):
    method: str = ""
    stages: tuple[str, ...] = ()
    """What its rounds are made by, where they differ; `method` has all of them too."""
    model: str = ""
    diagnosed: str = ""
    """The model whose answers were diagnosed, where it is not the trained one."""
    stop_reason: str | None = None
    outcome: str = ""
    """Why its run ended, as a sentence."""
    warnings: tuple[str, ...] = ()
    change: dict[str, Change] | None = None
    """From before training to the last round: held_out, difficult, rest and every set."""
    rounds: tuple[Round, ...] = ()

    @property
    def base(self) -> Round | None:
        return next((r for r in self.rounds if r.round < 0), None)

    @property
    def trained(self) -> tuple[Round, ...]:
        return tuple(r for r in self.rounds if r.round >= 0)

    @property
    def scored(self) -> tuple[Round, ...]:
        return tuple(r for r in self.rounds if r.accuracy)

    @property
    def latest(self) -> Round | None:
        """The last scored round, the base when no other is."""
        return self.scored[-1] if self.scored else None

    @property
    def profiled(self) -> tuple[tuple[int, Profile], ...]:
        return tuple((r.round, r.profile) for r in self.rounds if r.profile)


class Comparison(Record):
    """Accuracy of `a` minus accuracy of `b`, a difference of shares with its 95% interval."""

    a: str
    b: str
    difference: float
    low: float
    high: float
    on_difficult: Change | None = None
    """Over the questions that were difficult for both before training."""
    on_rest: Change | None = None


class Summary(Record):
    order: tuple[str, ...] = ()
    """Of the students in the config: a file's own is by name."""
    students: dict[str, Student] = {}
    comparisons: tuple[Comparison, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    sets: tuple[str, ...] = ()


class Progress(Record):
    """Where a student is."""

    round: int | None = None
    stage: str | None = None
    state: str = ""
    error: str | None = None
    warnings: tuple[str, ...] = ()


class Spending(Record):
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0


class TaskUsage(Spending):
    requests: int = 0
    cached: int = 0
    outcomes: dict[str, int] = {}


class OneTeacher(Spending):
    """Of a run that has several."""

    model: str = ""


class TeacherUsage(Spending):
    by_teacher: dict[str, OneTeacher] = {}
    by_task: dict[str, TaskUsage] = {}
    by_round: dict[str, Spending] = {}
    """STUDENT/round-NNN; students that start alike share, and one of them is named."""


class TeacherFigure(Record):
    """How often the teacher was right where that is known."""

    hits: int = 0
    cases: int = 0
    share: float | None = None
    low: float = 0.0
    high: float = 1.0
    outcomes: dict[str, int] = {}
    means: dict[str, float] = {}

    @property
    def cells(self) -> tuple[str, str, str]:
        """(right of how many, share with its interval, what became of the replies), for tables."""
        told = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items())
        means = "".join(f"; {name} {value:.2f}" for name, value in self.means.items())
        share = "" if self.share is None else f"{100 * self.share:.0f} [{100 * self.low:.0f}, {100 * self.high:.0f}]"
        return f"{self.hits} of {self.cases}", share, told + means


class Usage(Record):
    teacher: TeacherUsage = TeacherUsage()


class Status(Record):
    run: str = ""
    state: str = "unknown"
    started_at: str | float | None = None
    students: dict[str, Progress] = {}
    seconds: dict[str, float] = {}
    usage: Usage = Usage()
    teacher_check: dict[str, TeacherFigure] = {}
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = {}


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
    status, summary = _status(run), _read(run.summary, Summary)
    names = dict.fromkeys([*summary.order, *status.students, *summary.students])
    students = {name: summary.students.get(name, Student()) for name in names}
    name = status.run or os.path.basename(run.path.rstrip("/"))
    graph, config = _graph(run, students), _config(run)
    return Inputs(name, status, students, summary.comparisons, graph, config, summary.contrasts, summary.sets)


def _status(run: RunFolder) -> Status:
    """With what was left out of the data among its notes."""
    status = _read(run.status, Status)
    left_out = read_json(run.data_notes) if exists(run.data_notes) else []
    return status.model_copy(update={"notes": (*status.notes, *map(str, left_out))})


_R = TypeVar("_R", bound=Record)


def _read(path: str, record: type[_R]) -> _R:
    if not exists(path):
        return record()
    try:
        return record.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TableError(f"{path}: {where}: {first['msg']}: it was not written by this version") from None


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
