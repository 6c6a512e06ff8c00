"""report/index.html: one file, no script, nothing fetched."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from skillray.report import evaluated, plots, text, views
from skillray.report.data_map import MAX_MAPS, MAX_POINTS, map_figure
from skillray.report.drawing import ACCURACY, ink_on, shade
from skillray.report.graph_plot import MANY_SKILLS, MAX_GRAPHS, MAX_SKILLS, graph_figure
from skillray.report.inputs import Inputs, read_inputs
from skillray.report.learnt import CATEGORIES, EDITS, read_learnt, size_rows
from skillray.report.studied import Studied, read_studied
from skillray.store.files import commit
from skillray.store.layout import RunFolder
from skillray.store.records import Progress

MAX_TEXT = 1200
"""Characters shown of one question or response."""
MAX_SAMPLED = 12
"""Rounds of students with example rows."""
MAX_CONFIG = 100_000
MAX_UNITS = 50
"""Study units named; the graph file has all."""


def write_report(run: RunFolder) -> str:
    """Reads the run folder, publishes the page and returns its path; `TableError` when there is no such run."""
    commit(run.report, render(run).encode())
    return run.report


def render(run: RunFolder) -> str:
    """The page; equal run folders give equal bytes."""
    inputs = read_inputs(run)
    studied = {name: read_studied(run, name) for name in inputs.students}
    return (
        _environment()
        .get_template("page.html.j2")
        .render(**_facts(inputs), **_work(inputs, studied), **_learnt(run, inputs))
    )


def _facts(inputs: Inputs) -> dict[str, Any]:
    """What status.json, summary.json and graph.json say."""
    students = inputs.students
    scored = {name: student for name, student in students.items() if student.latest}
    graphs = [(name, graph_figure(inputs.graph, student)) for name, student in list(scored.items())[:MAX_GRAPHS]]
    shown = views.shown_skills(inputs.graph.skills, scored, MAX_SKILLS)
    skilled = any(r.by_skill for student in scored.values() for r in student.scored)
    return {
        "inputs": inputs,
        "progress": {name: inputs.status.students.get(name, Progress()) for name in students},
        "failures": [(name, p.error) for name, p in inputs.status.students.items() if p.error],
        "accuracy": views.accuracy_table(students),
        "arms": views.arms(students, inputs.comparisons),
        "accuracy_figure": plots.accuracy(students),
        "gains": evaluated.gains(students),
        "sets": evaluated.set_table(students, inputs.sets),
        "contrasts": evaluated.contrast_rows(inputs.contrasts),
        "subjects": evaluated.subject_rows(scored),
        "selected": evaluated.SELECTED,
        "one_run": evaluated.ONE_RUN,
        "unnamed": evaluated.UNNAMED,
        "comparisons": list(zip(inputs.comparisons, views.whiskers(inputs.comparisons), strict=True)),
        "by_skill": views.skill_rows(shown, scored) if skilled else [],
        "unscored": len(inputs.graph.skills) - len(shown),
        "units": list(inputs.graph.members.items())[:MAX_UNITS],
        "scored": list(scored),
        "graphs": [(name, figure) for name, figure in graphs if figure] if skilled else [],
        "by_depth": len(inputs.graph.skills) > MAX_SKILLS,
        "unfolded": 3 if len(inputs.graph.skills) <= MANY_SKILLS else 1,
        "undrawn": max(len(scored) - MAX_GRAPHS, 0),
        "profiles": [(name, views.profile_table(student)) for name, student in students.items()],
        "tasks": sorted(inputs.status.usage.teacher.by_task.items()),
    }


def _work(inputs: Inputs, studied: dict[str, list[Studied]]) -> dict[str, Any]:
    """What the tables of the rounds say, and where the time went."""
    times = views.seconds_by_stage(inputs.status.seconds)
    curves = {name: views.loss_curve(rounds) for name, rounds in studied.items()}
    rounds = {(s.student, s.round): s for every in studied.values() for s in every}
    return {
        "ordered": views.ordered_rows(inputs.graph.skills, studied),
        "rounds": [(name, r, rounds.get((name, r.round))) for name, s in inputs.students.items() for r in s.trained],
        "studied": [s for s in rounds.values() if s.origins],
        "origins": sorted({origin for s in rounds.values() for origin in s.origins}),
        "samples": [s for s in rounds.values() if s.samples][:MAX_SAMPLED],
        "problems": [problem for s in rounds.values() for problem in s.problems],
        "loss_figure": plots.loss(curves),
        "undrawn_losses": max(sum(1 for curve in curves.values() if curve) - plots.MAX_LINES, 0),
        "seconds": times,
        "stages": plots.stages(times),
        "seconds_figure": plots.seconds(times),
    }


def _learnt(run: RunFolder, inputs: Inputs) -> dict[str, Any]:
    """Categories of the examples, where a student's data was edited by them."""
    found, problems = read_learnt(run, inputs.students)
    figures = [(one, map_figure(one)) for one in found[:MAX_MAPS]]
    return {
        "learnt": found,
        "sizes": size_rows(found),
        "categories": CATEGORIES,
        "edits": EDITS,
        "maps": [(one, figure) for one, figure in figures if figure],
        "undrawn_maps": max(len(found) - MAX_MAPS, 0),
        "sampled": MAX_POINTS if any(one.last.num_rows > MAX_POINTS for one in found) else 0,
        "unreadable": problems,
    }


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("skillray.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": text.amount,
        "duration": text.duration,
        "points": text.points,
        "percent": text.percent,
        "round_name": text.round_name,
        "after_name": text.after_name,
        "words": views.comparison_words,
        "loss_ends": views.loss_ends,
        "by_subject": views.by_subject,
        "short": views.short,
        "cut": text.cut,
        "breaks": _breaks,
    }
    environment.globals |= {"heat": _heat(), "MAX_TEXT": MAX_TEXT, "MAX_CONFIG": MAX_CONFIG}
    return environment


def _shown(value: object) -> object:
    """Every expression of the template passes here before it is escaped, so no text from outside can be forgotten."""
    return text.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breaks(skill: str) -> Markup:
    """The escaped name, which may be broken after an underscore."""
    return Markup(str(escape(text.visible(skill))).replace("_", "_<wbr>"))


def _heat() -> list[tuple[int, str, str]]:
    """(shade, background, ink) of the table by skill."""
    colours = [shade(ACCURACY, step / views.HEAT_STEPS) for step in range(views.HEAT_STEPS + 1)]
    return [(step, colour, ink_on(colour)) for step, colour in enumerate(colours)]
