"""The same numbers for a terminal, and the profile as JSON."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from skillray.evaluation.gate import Finding, Gate
from skillray.report.evaluated import (
    ONE_RUN,
    OWN_COLUMNS,
    SELECTED,
    contrast_rows,
    gains,
    plain,
    set_table,
    subject_rows,
)
from skillray.report.inputs import Inputs, read_inputs
from skillray.report.learnt import CATEGORIES, EDITS, read_learnt, size_rows
from skillray.report.text import NONE, after_name, line, percent, points, visible
from skillray.report.views import Cell, accuracy_cell, accuracy_table, arms, by_subject, short
from skillray.store.layout import RunFolder
from skillray.store.records import Estimate, Profile, Student

WIDTH = 200
"""Columns at most; a table takes only what its text needs."""


def tables(run: RunFolder) -> str:
    """Accuracy by student and round, then every profile; plain text without colours. `TableError`: no such run."""
    inputs = read_inputs(run)
    measured = [_accuracy(inputs), *_gains(inputs), *_sets(inputs), *_contrasts(inputs), *_subjects(inputs)]
    return "\n".join(
        [*_head(inputs), *measured, *_arms(inputs), *_learnt(run, inputs), *_teacher(inputs), *_profiles(inputs)]
    )


def profile_table(run: RunFolder) -> str:
    """Every student's Missing-Skill-Profile as plain text. `TableError`: no such run."""
    return "\n".join(_profiles(read_inputs(run)))


def profile_json(run: RunFolder) -> dict[str, Any]:
    """Every profile of every student, for programs: counts of difficult questions by missing skill, most first.

    A profile of round -1 is of the student before training, of round r after the training of round r. Where there are
    several subjects, `subjects` says which one each skill belongs to.
    """
    inputs = read_inputs(run)
    students = {name: _as_json(student) for name, student in inputs.students.items()}
    subjects = inputs.graph.subjects
    return {"run": inputs.name, "students": students} | ({"subjects": dict(subjects)} if subjects else {})


def _as_json(student: Student) -> dict[str, Any]:
    profiles = []
    for index, profile in student.profiled:
        counts = dict(sorted(profile.counts.items(), key=lambda pair: (-pair[1], pair[0])))
        profiles.append({"round": index, **profile.model_dump(exclude={"counts"}), "counts": counts})
    return {"method": student.method, "model": student.model, "profiles": profiles}


def _head(inputs: Inputs) -> list[str]:
    failed = [f"{name}: {p.error}" for name, p in inputs.status.students.items() if p.error]
    ended = [f"{name}: {why}" for name, why in inputs.endings]
    warned = [f"WARNING {name}, {text}" for name, text in inputs.warnings]
    said = [line(text, WIDTH) for text in (f"{inputs.name}: {inputs.status.state}", *inputs.status.notes, *failed)]
    return [*said, *(visible(text, keep="") for text in (*ended, *warned)), ""]


def _accuracy(inputs: Inputs) -> str:
    table = accuracy_table(inputs.students)
    rows = []
    for name, student, cells, change, hard in table.rows:
        *shown, on_hard = map(_cell, (*cells, hard))
        rows.append([name, student.method, *shown, change, *([on_hard] if table.difficult else [])])
    over = f" over {table.questions} questions" if table.questions else ""
    return _text(
        f"Held-out accuracy in percent [95% interval]{over}",
        [
            "student",
            "method",
            *table.rounds,
            "change",
            *([f"on the {table.difficult} difficult"] if table.difficult else []),
        ],
        rows,
        texts=2,
    )


def _gains(inputs: Inputs) -> list[str]:
    rows = [[g.name, plain(g.change), g.won, plain(g.difficult), plain(g.rest)] for g in gains(inputs.students)]
    headers = ["student", "change", "questions won / lost", "difficult", "rest"]
    title = "Gained and lost since before training, in points [paired 95% interval]"
    said = [SELECTED, *([ONE_RUN] if len(rows) > 1 else [])]
    return [_text(title, headers, rows, texts=1) + "".join(f"{text}\n" for text in said)] if rows else []


def _sets(inputs: Inputs) -> list[str]:
    found = set_table(inputs.students, inputs.sets)
    if found is None:
        return []
    rows = [[name, when, *map(plain, cells)] for name, when, cells in found.rows]
    return [_text("Evaluation sets in percent [95% interval]", ["student", "", *found.columns], rows, texts=2)]


def _contrasts(inputs: Inputs) -> list[str]:
    rows = [
        [row.arm, row.control, row.on, row.verdict, plain(row.difference), row.p_value, row.adjusted]
        for row in contrast_rows(inputs.contrasts)
    ]
    headers = ["arm", "control", "on", "verdict", "difference", "p", "p by Holm"]
    title = "Contrasts that the config named: arm minus control in points [paired 95% interval]"
    return [_text(title, headers, rows, texts=4)] if rows else []


def _subjects(inputs: Inputs) -> list[str]:
    rows = [
        [subject, *(plain(cell) for pair in cells for cell in pair)] for subject, cells in subject_rows(inputs.students)
    ]
    headers = ["subject", *(f"{name}, {what}" for name in inputs.students for what in ("accuracy", "difficult"))]
    return [_text("By subject: accuracy and share difficult, in percent", headers, rows, texts=1)] if rows else []


def evaluation_table(found: Mapping[str, Any]) -> str:
    """What `loop.evaluation_report.evaluation_of` gives, models down and sets across."""
    models: Mapping[str, Mapping[str, Any]] = found["models"]
    own = [name for name in ("accuracy", "on_difficult") if any(one[name] for one in models.values())]
    sets = [name for name in found["sets"] if any(name in one["sets"] for one in models.values())]
    tasks = sorted({task for one in models.values() for task in one["outside"]})
    rows = []
    for name, one in models.items():
        scores = [
            *(one[column] for column in own),
            *(one["sets"].get(each) for each in sets),
            *(one["outside"].get(each) for each in tasks),
        ]
        mean = [percent(one["mean"]) if one["mean"] is not None else NONE] if own else []
        rows.append([name, *(_estimate(score) for score in scores), *mean])
    columns = [*OWN_COLUMNS[: len(own)], *(_measured(each, models, "sets") for each in sets)]
    columns += [*(_measured(each, models, "outside") for each in tasks), *(["mean"] if own else [])]
    return _text("In percent [95% interval]", ["model", *columns], rows, texts=1)


def _estimate(score: Mapping[str, Any] | None) -> str:
    return NONE if score is None else plain(accuracy_cell(Estimate.model_validate(dict(score))))


def _measured(name: str, models: Mapping[str, Mapping[str, Any]], kind: str) -> str:
    score = next(one[kind][name] for one in models.values() if name in one[kind])
    return f"{name} {score['metric']} ({score['n']})"


def gate_table(student: str, gate: Gate) -> str:
    """The findings and, in its last line, the verdict."""
    rows = [
        [name, str(finding), points(one.difference), f"{points(one.low)} to {points(one.high)}", str(one.num_questions)]
        for name, one, finding in (gate.task, *gate.others)
    ]
    title = f"{student}: after minus before in points [paired 95% interval]; others may lose {percent(gate.margin)}"
    table = _text(title, ["on", "finding", "difference", "interval", "questions"], rows, texts=2)
    worse = [name for name, _, finding in gate.others if finding is Finding.WORSE]
    unsure = sum(finding is Finding.UNSURE for _, _, finding in gate.others)
    reasons = ["the task is not better"] if gate.task[2] is not Finding.BETTER else []
    reasons += [f"worse: {', '.join(worse)}"] if worse else []
    told = f"; {unsure} of {len(gate.others)} others have too few questions to tell" if unsure else ""
    return f"{table}gate closed: {'; '.join(reasons)}{told}" if reasons else f"{table}gate open{told}"


def _arms(inputs: Inputs) -> list[str]:
    found = arms(inputs.students, inputs.comparisons)
    cells = [(arm.tokens, arm.accuracy, arm.above, arm.first) for arm in found]
    rows = [[arm.name, " + ".join(arm.stages), *map(_cell, row)] for arm, row in zip(found, cells, strict=True)]
    headers = ["student", "stages", "tokens", "accuracy", "over the row above", "over the first"]
    title = "Arms by their stages: differences in points [paired 95% interval]"
    return [_text(title, headers, rows, texts=2)] if rows else []


def _learnt(run: RunFolder, inputs: Inputs) -> list[str]:
    learnt, _ = read_learnt(run, inputs.students)
    rows = [
        [one.student, str(one.round), str(epoch), *(cell.main for cell in (*sizes, *edits))]
        for one, epoch, sizes, edits in size_rows(learnt)
    ]
    headers = ["student", "round", "before epoch", *map(str, CATEGORIES), *EDITS]
    title = "Examples by how they were learnt, and what was done; dashes: nothing was edited"
    return [_text(title, headers, rows, texts=1)] if rows else []


def _teacher(inputs: Inputs) -> list[str]:
    rows = [[name.replace("_", " "), *figure.cells] for name, figure in inputs.status.teacher_check.items()]
    title = "The teacher, where it is known what is right: percent [95% interval]"
    return [_text(title, ["measured", "right", "percent", "replies"], rows, texts=1)] if rows else []


def _cell(cell: Cell) -> str:
    return f"{cell.main} [{cell.small}]" if cell.small else cell.main


def _profiles(inputs: Inputs) -> list[str]:
    return [_profile(name, student, inputs.graph.subjects) for name, student in inputs.students.items()]


def _profile(name: str, student: Student, subjects: Mapping[str, str]) -> str:
    """Skills down, rounds across: difficult questions that miss the skill, and their share of all difficult ones.

    Skills stand under their subjects, where there are any, and the subject of the most missed skill comes first.
    """
    if not student.profiled:
        return f"{line(name)}: no profile was taken\n"
    missed = [profile.counts for _, profile in student.profiled]
    found = {skill for counts in missed for skill in counts}
    skills = sorted(found, key=lambda skill: (*(-counts.get(skill, 0) for counts in missed), skill))
    rows = _skill_rows(skills, [profile for _, profile in student.profiled], subjects)
    total = ["difficult questions", *(f"{p.difficult} of {p.questions}" for _, p in student.profiled)]
    agreed = [NONE if p.agreement is None else percent(p.agreement, 0) for _, p in student.profiled]
    if set(agreed) != {NONE}:
        rows.append(["agreement of the teacher's samples, percent", *agreed])
        shares = [NONE if p.overlap is None else percent(p.overlap, 0) for _, p in student.profiled]
        rows.append(["of its first sample's skills, named by others, percent", *shares])
    checked = [NONE if p.steps is None else percent(p.steps.share, 0) for _, p in student.profiled]
    if set(checked) != {NONE}:
        rows.append(["written steps that the scorer could check, percent", *checked])
    title = f"{name}: difficult questions that miss the skill, and percent of the difficult ones"
    return _text(title, ["skill", *(after_name(index) for index, _ in student.profiled)], [*rows, total], texts=1)


def _skill_rows(skills: Iterable[str], profiles: Sequence[Profile], subjects: Mapping[str, str]) -> list[list[str]]:
    rows: list[list[str]] = []
    for subject, some in by_subject([(skill,) for skill in skills], subjects):
        if subject:
            rows.append([subject, *("" for _ in profiles)])
        for (skill,) in some:
            shares = [_share(profile.counts.get(skill, 0), profile.difficult) for profile in profiles]
            rows.append([f"{'  ' if subject else ''}{short(skill, subject)}", *shares])
    return rows


def _share(count: int, difficult: int) -> str:
    return f"{count} ({percent(count / difficult, 0)})" if difficult else str(count)


def _text(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> str:
    """A table whose first `texts` columns are words and the others numbers."""
    table = Table(box=None, pad_edge=False, header_style="", title_style="", padding=(0, 2, 0, 0))
    for index, header in enumerate(headers):
        table.add_column(header, justify="left" if index < texts else "right", overflow="fold")
    for row in rows:
        table.add_row(*(line(text) for text in row))
    sink = io.StringIO()
    console = Console(file=sink, width=WIDTH, color_system=None, markup=False, emoji=False, highlight=False)
    console.print(line(title, WIDTH))
    console.print(table)
    return sink.getvalue()
