"""Tables of what was gained and lost, of the evaluation sets, of named contrasts and of subjects, as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skillray.report.text import NONE, after_name, percent, points
from skillray.report.views import Cell, accuracy_cell
from skillray.store.records import Change, Contrast, Estimate, Round, Student

OWN_COLUMNS = ("held_out", "difficult")
SELECTED = (
    "The difficult questions are those that the filter calls difficult before training, and the rest are the others: "
    "both figures before training are selected, so there only arm against arm means anything."
)
ONE_RUN = (
    "Every student was trained once: the intervals are over questions, and say nothing of what another seed would give."
)
UNNAMED = "No pair was named in evaluation.contrasts: the differences are shown, and nobody is said to be ahead."


@dataclass(frozen=True, slots=True)
class Gain:
    """What became of one student's held-out questions from before training to its last round."""

    name: str
    change: Cell
    """Over all of them, paired."""
    won: str
    """Questions that it does better now, and those that it does worse."""
    difficult: Cell
    """Before and after, and the change."""
    rest: Cell


def gains(students: Mapping[str, Student]) -> list[Gain]:
    """Of the students that were trained and scored."""
    rows = []
    for name, student in students.items():
        change, base, last = student.change, student.base, student.latest
        if not change or "held_out" not in change or base is None or last is None:
            continue
        overall = change["held_out"]
        rows.append(
            Gain(
                name,
                change_cell(overall),
                f"{overall.wins} / {overall.losses}",
                _before_after(base.on_difficult, last.on_difficult),
                _before_after(base.on_rest, last.on_rest),
            )
        )
    return rows


def change_cell(change: Change | None) -> Cell:
    """A difference in points with its interval."""
    if change is None:
        return Cell()
    return Cell(points(change.difference), f"{points(change.low)} to {points(change.high)}")


def _before_after(before: Estimate | None, after: Estimate | None) -> Cell:
    if before is None or after is None:
        return Cell()
    return Cell(f"{percent(before.mean)} → {percent(after.mean)}", points(after.mean - before.mean))


@dataclass(frozen=True, slots=True)
class SetTable:
    """Students down, before training and after the last round; sets across, their mean last."""

    columns: list[str]
    """Names with what is measured, and the number of questions."""
    rows: list[tuple[str, str, list[Cell]]]
    """(student, when, one cell a column and the mean)."""


def set_table(students: Mapping[str, Student], sets: Sequence[str]) -> SetTable | None:
    """None where no set was answered."""
    shown = [(name, r) for name, student in students.items() for r in _before_and_last(student)]
    if not sets or not any(r.sets for _, r in shown):
        return None
    rows = [(name, after_name(r.round), [*_cells(r, sets), _mean(r)]) for name, r in shown]
    return SetTable([*OWN_COLUMNS, *(_column(one, [r for _, r in shown]) for one in sets), "mean"], rows)


def _before_and_last(student: Student) -> list[Round]:
    """Also a student that was never trained has its base."""
    found = [r for r in student.rounds if r.sets]
    return [*found[:1], *found[1:][-1:]]


def _cells(r: Round, sets: Iterable[str]) -> list[Cell]:
    own = [accuracy_cell(r.accuracy), accuracy_cell(r.on_difficult)]
    return [*own, *(accuracy_cell(r.sets.get(one)) for one in sets)]


def _mean(r: Round) -> Cell:
    return Cell() if r.mean is None else Cell(percent(r.mean))


def _column(name: str, rounds: Iterable[Round]) -> str:
    score = next((r.sets[name] for r in rounds if name in r.sets), None)
    return name if score is None else f"{name} {score.metric} ({score.n})"


@dataclass(frozen=True, slots=True)
class ContrastRow:
    """One named pair on one column."""

    arm: str
    control: str
    on: str
    difference: Cell
    p_value: str
    adjusted: str
    verdict: str


def contrast_rows(contrasts: Sequence[Contrast]) -> list[ContrastRow]:
    """In the order of the columns."""
    return [
        ContrastRow(
            one.arm,
            one.control,
            one.on,
            change_cell(one.comparison),
            _probability(one.comparison.p_value),
            _probability(one.adjusted),
            one.verdict,
        )
        for one in contrasts
    ]


def _probability(p_value: float) -> str:
    return "< .001" if p_value < 0.001 else f"{p_value:.3f}".removeprefix("0")


def subject_rows(students: Mapping[str, Student]) -> list[tuple[str, list[tuple[Cell, Cell]]]]:
    """(subject, for each student its latest accuracy and the share that is difficult for it, with their bases)."""
    subjects = sorted({subject for student in students.values() for r in student.scored for subject in r.by_subject})
    return [(subject, [_of_subject(subject, student) for student in students.values()]) for subject in subjects]


def _of_subject(subject: str, student: Student) -> tuple[Cell, Cell]:
    base, last = (r.by_subject.get(subject) if r else None for r in (student.base, student.latest))
    if last is None:
        return Cell(), Cell()
    before = (base.accuracy, base.difficult) if base is not None and base is not last else (None, None)
    return _then_now(before[0], last.accuracy), _then_now(before[1], last.difficult)


def _then_now(before: Estimate | None, now: Estimate | None) -> Cell:
    if now is None:
        return Cell()
    return Cell(percent(now.mean), "" if before is None else f"before {percent(before.mean)}")


def plain(cell: Cell) -> str:
    """A cell as one text."""
    return f"{cell.main} [{cell.small}]" if cell.small else cell.main or NONE
