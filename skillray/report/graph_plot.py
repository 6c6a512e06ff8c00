"""The skill graph of one student, layered from what needs nothing to what builds on most, coloured by accuracy."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from skillray.report.depth_plot import depth_figure
from skillray.report.drawing import ACCURACY, INK, MUTED, data_uri, ink_on, label, shade, style
from skillray.report.text import NONE, percent
from skillray.report.views import by_subject, short
from skillray.skills.graph import SkillGraph
from skillray.store.records import Student

MAX_GRAPHS = 6
"""Students drawn; the table by skill has all."""
MAX_SKILLS = 150
"""From here on a graph is drawn by depth."""
MANY_SKILLS = 40
"""From here on a graph is taller than a screen."""
COLUMN, ROW = 1.9, 0.76
"""Inches between the centres of two boxes."""
BOX, TALL = 1.5, 0.61
"""Inches of a box."""
CHARACTERS = 21
"""Of a line in a box."""
NARROWEST = 3.2
"""Inches; the scale needs them."""
MAX_ROWS = 14
"""A layer with more skills takes several columns."""

Place = tuple[float, float]


def graph_figure(graph: SkillGraph, student: Student) -> str:
    """A data URI, or "" when no skill is scored; of a large graph one by depth, and of a large flat vocabulary none."""
    if student.latest is None or not graph.skills or (len(graph.skills) > MAX_SKILLS and not graph.edges()):
        return ""
    if len(graph.skills) > MAX_SKILLS:
        return depth_figure(graph, student)
    places = layered(graph) if graph.edges() else grid(graph.skills, graph.subjects)
    columns, rows = (1 + max(place[i] for place in places.values()) for i in (0, 1))
    with style():
        figure = Figure(figsize=(max(columns * COLUMN, NARROWEST), rows * ROW + 0.5))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.set_xlim(-COLUMN / 2, max(columns * COLUMN, NARROWEST) - COLUMN / 2)
        axes.set_ylim((rows - 0.5) * ROW + 0.05, -ROW / 2 - 0.45)
        for need, skill in graph.edges():
            _edge(axes, places[need], places[skill])
        for skill, place in places.items():
            _box(axes, skill, short(skill, graph.subjects.get(skill, "")), place, student)
        for subject, row in [] if graph.edges() else headings(places, graph.subjects):
            axes.text(-BOX / 2, (row + 0.25) * ROW, label(subject.replace("_", " "), 60), fontsize=9, color=MUTED)
        _scale(figure, rows * ROW + 0.5, max(columns * COLUMN, NARROWEST))
        return data_uri(figure)


def layered(graph: SkillGraph) -> dict[str, Place]:
    """(column, row) of every skill: column by depth, row near the mean row of its prerequisites."""
    depth = graph.depth()
    places: dict[str, Place] = {}
    column = 0
    for level in range(1 + max(depth.values())):
        layer = [skill for skill in graph.order() if depth[skill] == level]
        layer.sort(key=lambda skill: _mean_row(graph.prerequisites[skill], places))
        count = -(-len(layer) // MAX_ROWS)
        height = -(-len(layer) // count)
        for index, skill in enumerate(layer):
            places[skill] = (column + index // height, index % height)
        column += count
    return _centred(places)


def _mean_row(needs: Sequence[str], places: Mapping[str, Place]) -> float:
    return sum(places[need][1] for need in needs) / len(needs) if needs else 0.0


def _centred(places: Mapping[str, Place]) -> dict[str, Place]:
    """Every column moved to the middle of the tallest."""
    heights: dict[float, float] = {}
    for column, row in places.values():
        heights[column] = max(heights.get(column, 0.0), row)
    tallest = max(heights.values())
    return {skill: (column, row + (tallest - heights[column]) / 2) for skill, (column, row) in places.items()}


def grid(skills: Sequence[str], subjects: Mapping[str, str] | None = None) -> dict[str, Place]:
    """(column, row) without edges: row by row, in the order of the vocabulary; a subject begins after an empty row."""
    columns = 4 if len(skills) <= MANY_SKILLS else 6
    places: dict[str, Place] = {}
    top = 0
    for subject, some in by_subject([(skill,) for skill in skills], subjects or {}):
        top += bool(subject)
        places |= {skill: (index % columns, top + index // columns) for index, (skill,) in enumerate(some)}
        top += -(-len(some) // columns)
    return places


def headings(places: Mapping[str, Place], subjects: Mapping[str, str]) -> list[tuple[str, float]]:
    """(subject, the empty row above its skills)."""
    rows = [(skill, place[1]) for skill, place in places.items()]
    found = by_subject(rows, subjects)
    return [(subject, min(row for _, row in some) - 1) for subject, some in found if subject]


def _edge(axes: Axes, start: Place, end: Place) -> None:
    x0, y0, x1, y1 = start[0] * COLUMN + BOX / 2, start[1] * ROW, end[0] * COLUMN - BOX / 2, end[1] * ROW
    bend = (x1 - x0) / 2
    path = Path([(x0, y0), (x0 + bend, y0), (x1 - bend, y1), (x1, y1)], [Path.MOVETO, *[Path.CURVE4] * 3])
    axes.add_patch(PathPatch(path, fc="none", ec="#aab2bd", lw=0.9))


def _box(axes: Axes, skill: str, name: str, place: Place, student: Student) -> None:
    x, y = place[0] * COLUMN, place[1] * ROW
    share = _share(student, skill, -1)
    colour = "#ffffff" if share is None else shade(ACCURACY, share)
    shape = FancyBboxPatch((x - BOX / 2, y - TALL / 2), BOX, TALL, boxstyle="round,pad=0,rounding_size=0.06")
    shape.set(facecolor=colour, edgecolor="#8b94a1", linewidth=0.7)
    axes.add_patch(shape)
    ink = ink_on(colour)
    text: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.9, "color": ink}
    axes.text(x, y - 0.1, _name(name), linespacing=1.2, **text)
    axes.text(x, y + 0.195, _change(student, skill), weight="bold", **text)


def _name(skill: str) -> str:
    """At most two lines."""
    first, *rest = textwrap.wrap(label(skill.replace("_", " "), 60), CHARACTERS) or [""]
    return f"{first}\n{label(' '.join(rest), CHARACTERS)}" if rest else first


def _share(student: Student, skill: str, index: int) -> float | None:
    """Accuracy on `skill`: of the latest round (-1) or the first (0)."""
    found = student.scored[index].by_skill.get(skill)
    return found.mean if found else None


def _change(student: Student, skill: str) -> str:
    shares = [_share(student, skill, index) for index in (0, -1)][: len(student.scored)]
    return " → ".join(NONE if share is None else percent(share, 0) for share in shares)


def _scale(figure: Figure, height: float, width: float) -> None:
    axes = figure.add_axes((0.16 / width, 1 - 0.2 / height, 1.4 / width, 0.1 / height))
    bar = figure.colorbar(ScalarMappable(cmap=ACCURACY), cax=axes, orientation="horizontal", ticks=[0, 0.5, 1])
    bar.ax.set_xticklabels(["0", "50", "100 % right"])
    bar.ax.tick_params(labelsize=7.5, length=2, color=MUTED, labelcolor=INK)
    bar.outline.set_visible(False)
