"""status.json and summary.json as frozen values: written and read through the same classes.

The coordinator writes `Status`, and every reader of a run folder (report, commands, a resumed run) reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from skillray.errors import TableError
from skillray.store.files import exists, read_json


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
    outcomes: dict[str, int] = {}
    """How the teacher's replies came back -> difficult questions."""
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
    """Questions that are answered better after, or by the arm."""
    losses: int = 0
    p_value: float = 1.0
    num_questions: int = 0


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
    difficult: float = 0.0
    """Share of the held-out questions that the filter calls difficult."""
    seconds: dict[str, float] = {}
    """STEP -> seconds, over all attempts."""
    mean: float | None = None
    """Plain mean over held-out, difficult and every set; None where one is missing, or there is no set."""
    profile: Profile | None = None
    """Of the student after the round's training: the evidence of the round that follows."""
    tokens: int = 0
    """Tokens of all sequences that were trained on."""
    loss_tokens: int = 0
    """Those of them that the loss is over."""
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


class Comparison(Change):
    """Accuracy of `a` minus accuracy of `b` over all held-out questions."""

    a: str
    b: str
    on_difficult: Change | None = None
    """Over the questions that were difficult for both before training."""
    on_rest: Change | None = None


class Summary(Record):
    """summary.json: what came out, by student and round, with intervals."""

    order: tuple[str, ...] = ()
    """Of the students in the config: a file's own is by name."""
    students: dict[str, Student] = {}
    comparisons: tuple[Comparison, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    sets: tuple[str, ...] = ()
    """Names of the evaluation sets, in the order of the config."""
    seed: int = 0


class Progress(Record):
    """Where a student is."""

    state: str = ""
    """running, done or failed."""
    method: str = ""
    round: int | None = None
    stage: str | None = None
    """The verb that was started last."""
    stop_reason: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()


class Running(Record):
    """How far a verb was when the coordinator last noted it."""

    place: str
    """STUDENT/round-NNN/VERB"""
    seconds: float
    done: int
    total: int
    unit: str


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
    """status.json: what the coordinator knows of a run, and all that a later coordinator needs of it."""

    run: str = ""
    epoch: int = 0
    """Number of the driver that writes; see `store.fence`."""
    state: str = "unknown"
    """running, done or failed."""
    error: str | None = None
    """Why nothing of the run could start."""
    started_at: str = ""
    """When the first driver began, in UTC."""
    students: dict[str, Progress] = {}
    seconds: dict[str, float] = {}
    """STUDENT/ROUND/VERB/STEP -> seconds, over all attempts."""
    usage: Usage = Usage()
    teacher_check: dict[str, TeacherFigure] = {}
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    attempts: dict[str, int] = {}
    """Name of an actor without its number -> how often it was started."""
    training: dict[str, int] = {}
    """STUDENT/round-NNN -> number of the worker group that trains it."""
    jobs: list[str] = []
    """NODE/JOB of every driver so far: on a cluster that is still there, something of an earlier one may be too."""
    running: tuple[Running, ...] = ()


R = TypeVar("R", bound=Record)


def read_record(path: str, record: type[R]) -> R:
    """The file as a record, or an empty record where there is no file yet.

    Raises:
        TableError: the file is damaged, or another version wrote it.
    """
    if not exists(path):
        return record()
    try:
        return record.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TableError(f"{path}: {where}: {first['msg']}: it was not written by this version") from None
