"""The page's tables as frozen values: every number and word is settled here, the template only lays them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from skillray.report.studied import Studied
from skillray.report.text import NONE, after_name, amount, percent, points
from skillray.skills.graph import bare
from skillray.store.records import Comparison, Estimate, Profile, Round, Student

HEAT_STEPS = 20
"""Shades of the table by skill: one for every five percent."""
STAGES = ("prepare", "answer", "evaluate", "diagnose", "plan", "sample", "fulfil", "fine_tune", "summarise")
"""The loop's stages in their order; others come after them, by name."""
MAX_BARS = 15
"""Skills shown in one student's profile; the JSON and the text table have all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A number with what stands small beside it."""

    main: str = NONE
    small: str = ""
    change: str = ""
    css: str = ""


def accuracy_cell(estimate: Estimate | None, digits: int = 1) -> Cell:
    if estimate is None:
        return Cell()
    return Cell(percent(estimate.mean, digits), f"{percent(estimate.low, digits)} – {percent(estimate.high, digits)}")


@dataclass(frozen=True, slots=True)
class AccuracyTable:
    """Students down, rounds across."""

    rounds: list[str]
    rows: list[tuple[str, Student, list[Cell], str, Cell]]
    """(name, student, one cell a round, change from base to latest in points, latest on the difficult questions)."""
    questions: str
    """How many held-out questions the scores rest on."""
    difficult: str
    """How many of them were difficult before training; empty when none was."""


def accuracy_table(students: Mapping[str, Student]) -> AccuracyTable:
    indices = sorted({r.round for s in students.values() for r in s.scored})
    rows = []
    for name, student in students.items():
        by_round = {r.round: r.accuracy for r in student.scored}
        cells = [accuracy_cell(by_round.get(index)) for index in indices]
        hard = accuracy_cell(student.latest.on_difficult if student.latest else None)
        rows.append((name, student, cells, change(student), hard))
    asked = _range(r.accuracy.n for s in students.values() for r in s.scored if r.accuracy)
    difficult = _range(r.on_difficult.n for s in students.values() for r in s.scored if r.on_difficult)
    return AccuracyTable([after_name(index) for index in indices], rows, asked, difficult)


def _range(counts: Iterable[int]) -> str:
    numbers = sorted(set(counts))
    return " to ".join(amount(n) for n in [*numbers[:1], *numbers[1:][-1:]])


def change(student: Student, skill: str | None = None, digits: int = 1) -> str:
    """Latest minus base in percentage points, overall or on `skill`; "" unless both are known."""
    base, latest = student.base, student.latest
    if base is None or latest is None or latest.round < 0:
        return ""
    before, after = _of(base, skill), _of(latest, skill)
    return points(after.mean - before.mean, digits) if before and after else ""


def _of(scored: Round, skill: str | None) -> Estimate | None:
    return scored.accuracy if skill is None else scored.by_skill.get(skill)


def shown_skills(skills: Sequence[str], students: Mapping[str, Student], most: int) -> list[str]:
    """All of them; of more than `most` only those that are scored."""
    scored = {skill for student in students.values() for r in student.scored for skill in r.by_skill}
    return [skill for skill in skills if len(skills) <= most or skill in scored]


def skill_rows(skills: Iterable[str], students: Mapping[str, Student]) -> list[tuple[str, list[Cell]]]:
    """Skills down, students across: the latest accuracy on the skill, its interval, and the change from base."""
    return [(skill, [_skill_cell(skill, student) for student in students.values()]) for skill in skills]


def _skill_cell(skill: str, student: Student) -> Cell:
    estimate = student.latest.by_skill.get(skill) if student.latest else None
    if estimate is None:
        return Cell()
    plain = accuracy_cell(estimate, digits=0)
    return Cell(plain.main, plain.small, change(student, skill, digits=0), f"h{round(estimate.mean * HEAT_STEPS)}")


_T = TypeVar("_T", bound=tuple[Any, ...])


def by_subject(rows: Iterable[_T], subjects: Mapping[str, str]) -> list[tuple[str, list[_T]]]:
    """Rows that begin with a skill, under their subjects: ("", those of none) first, then as subjects come up."""
    groups: dict[str, list[_T]] = {"": []}
    for row in rows:
        groups.setdefault(subjects.get(row[0], ""), []).append(row)
    return [(subject, some) for subject, some in groups.items() if some]


def short(skill: str, subject: str) -> str:
    """What stands under the heading `subject`."""
    return bare(skill, subject) if subject else skill


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """One student's Missing-Skill-Profile before its training and, where one was taken, after it."""

    before: tuple[int, Profile]
    after: tuple[int, Profile] | None
    rows: list[tuple[str, int, int | None]]
    """(skill, questions that miss it before, after), most missed first."""
    hidden: int
    """Skills left out."""
    unseen: int | None
    """The last trained round, when no profile was taken after it."""

    @property
    def most(self) -> int:
        return max([1, *(max(before, after or 0) for _, before, after in self.rows)])

    def width(self, count: int) -> str:
        return f"{100 * count / self.most:.1f}%"


def profile_table(student: Student, limit: int = MAX_BARS) -> ProfileTable | None:
    """None when no profile was taken."""
    if not student.profiled:
        return None
    before, after = student.profiled[0], student.profiled[-1] if len(student.profiled) > 1 else None
    counts, later = before[1].counts, after[1].counts if after else {}
    skills = sorted({*counts, *later}, key=lambda skill: (-counts.get(skill, 0), -later.get(skill, 0), skill))
    rows = [(skill, counts.get(skill, 0), later.get(skill, 0) if after else None) for skill in skills]
    last = student.latest.round if student.latest else -1
    unseen = last if last > student.profiled[-1][0] else None
    return ProfileTable(before, after, rows[:limit], max(len(rows) - limit, 0), unseen)


def comparison_words(found: Comparison) -> str:
    """A pair that nobody named beforehand is one of many: its interval is told, and no verdict."""
    if found.low > 0:
        return f"{found.a} higher, not adjusted"
    return f"{found.b} higher, not adjusted" if found.high < 0 else "no clear difference"


@dataclass(frozen=True, slots=True)
class Arm:
    """One student of an ablation: a row for each, in the order of the config."""

    name: str
    stages: tuple[str, ...]
    tokens: Cell
    """Trained on, all rounds together; small beside it, those of probe fits."""
    accuracy: Cell
    above: Cell
    """The latest accuracy minus that of the row above, in points, with the paired interval."""
    first: Cell
    """The same against the first row."""


def arms(students: Mapping[str, Student], comparisons: Sequence[Comparison]) -> list[Arm]:
    """Of the students with stages, if there are two: the ablation that DSA's readers looked for (arXiv 2412.19361)."""
    staged = [(name, student) for name, student in students.items() if student.stages]
    known = {(c.a, c.b): (c.difference, c.low, c.high) for c in comparisons}
    known |= {(c.b, c.a): (-c.difference, -c.high, -c.low) for c in comparisons}
    rows = [
        Arm(
            name,
            student.stages,
            _tokens(student.trained),
            accuracy_cell(student.latest.accuracy if student.latest else None),
            _difference(known.get((name, staged[place - 1][0])) if place else None),
            _difference(known.get((name, staged[0][0])) if place else None),
        )
        for place, (name, student) in enumerate(staged)
    ]
    return rows if len(rows) > 1 else []


def _tokens(rounds: Sequence[Round]) -> Cell:
    probe = sum(r.probe_tokens for r in rounds)
    return Cell(amount(sum(r.tokens for r in rounds)), f"and {amount(probe)} in probes" if probe else "")


def _difference(found: tuple[float, float, float] | None) -> Cell:
    if found is None:
        return Cell()
    difference, low, high = found
    return Cell(points(difference), f"{points(low)} to {points(high)}")


@dataclass(frozen=True, slots=True)
class Whisker:
    """An interval in a strip whose middle is zero, in percent of the strip's width."""

    left: str
    width: str
    mean: str


def whiskers(comparisons: Sequence[Comparison]) -> list[Whisker]:
    """All in one scale, that of the widest."""
    scale = 46 / (max((abs(x) for c in comparisons for x in (c.low, c.high, c.difference)), default=0.0) or 1.0)
    strips = [(50 + scale * c.low, scale * (c.high - c.low), 50 + scale * c.difference) for c in comparisons]
    return [Whisker(*(f"{x:.1f}%" for x in strip)) for strip in strips]


Ordered = tuple[int, list[tuple[str, int]]]
"""Examples ordered in all, and by kind."""


def ordered_rows(
    skills: Sequence[str], studied: Mapping[str, Sequence[Studied]]
) -> list[tuple[str | None, list[Ordered]]]:
    """(skill or None, per student (examples ordered for it, the same by kind)); skills nobody ordered are left out."""
    asked = {skill for rounds in studied.values() for r in rounds for skill, _ in r.orders}
    known = [skill for skill in skills if skill in asked]
    names = [*known, *sorted(skill for skill in asked if skill is not None and skill not in known)]
    shown: list[str | None] = [*names, None] if None in asked else [*names]
    return [(skill, [_ordered(skill, rounds) for rounds in studied.values()]) for skill in shown]


def _ordered(skill: str | None, rounds: Sequence[Studied]) -> Ordered:
    kinds: dict[str, int] = {}
    for studied in rounds:
        for (wanted, kind), count in studied.orders.items():
            if wanted == skill:
                kinds[kind] = kinds.get(kind, 0) + count
    return sum(kinds.values()), sorted(kinds.items())


def loss_curve(rounds: Sequence[Studied]) -> list[tuple[int, float]]:
    """Rounds one after the other: a round's first step comes after the last of the round before."""
    curve: list[tuple[int, float]] = []
    for studied in rounds:
        start = curve[-1][0] + 1 - studied.losses[0][0] if curve and studied.losses else 0
        curve += [(start + step, loss) for step, loss in studied.losses]
    return curve


def seconds_by_stage(seconds: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """{"NAME/round-000/plan": s} as {NAME: {"plan": s}}, rounds added up, stages in the order of the loop."""
    result: dict[str, dict[str, float]] = {}
    for key, spent in seconds.items():
        student, stage = key.split("/")[0] if "/" in key else "run", key.split("/")[-1]
        stages = result.setdefault(student, {})
        stages[stage] = stages.get(stage, 0.0) + spent
    rank = {stage: place for place, stage in enumerate(STAGES)}
    return {
        student: dict(sorted(stages.items(), key=lambda pair: (rank.get(pair[0], len(STAGES)), pair[0])))
        for student, stages in result.items()
    }


def loss_ends(studied: Studied) -> str:
    """Mean loss of the first and of the last tenth of the steps."""
    losses = [loss for _, loss in studied.losses]
    tenth = max(len(losses) // 10, 1)
    return f"{sum(losses[:tenth]) / tenth:.3f} → {sum(losses[-tenth:]) / tenth:.3f}" if losses else NONE
