"""A skill graph too large to be drawn skill by skill: how many skills stand at each depth, and how well they go."""

from __future__ import annotations

from collections import defaultdict

from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from skillray.report.drawing import ACCURACY, INK, MUTED, RULE, WIDTH, data_uri, shade, style
from skillray.report.text import amount
from skillray.skills.graph import SkillGraph
from skillray.store.records import Student

MAX_BARS = 30
"""Depths in one bar where there are more."""


def depth_figure(graph: SkillGraph, student: Student) -> str:
    """A data URI: a bar for each depth, coloured by the mean accuracy of those of its skills that are scored."""
    scored = {s: found.mean for s, found in student.latest.by_skill.items() if found} if student.latest else {}
    drawn = bars(graph)
    with style():
        figure = Figure(figsize=(WIDTH, 3.0))
        axes = figure.subplots()
        for place, (_, skills) in enumerate(drawn):
            shares = [scored[skill] for skill in skills if skill in scored]
            colour = shade(ACCURACY, sum(shares) / len(shares)) if shares else "#ffffff"
            axes.bar(place, len(skills), color=colour, edgecolor=RULE if shares else MUTED, linewidth=0.8)
            text = f"{amount(len(skills))}\n{amount(len(shares))}" if shares else f"{amount(len(skills))}\n–"
            axes.text(place, len(skills), text, ha="center", va="bottom", fontsize=7, color=INK, linespacing=1.1)
        axes.set_xticks(range(len(drawn)), [name for name, _ in drawn], fontsize=7.5)
        axes.set_xlabel("depth: longest chain of prerequisites")
        axes.set_ylabel("skills, and those scored")
        axes.set_yscale("log")  # a depth of three skills is to be seen beside one of three thousand
        axes.tick_params(axis="y", which="both", left=False, labelleft=False)  # every bar has its number
        axes.set_ylim(0.6, 4 * max(len(skills) for _, skills in drawn))
        bar = figure.colorbar(ScalarMappable(cmap=ACCURACY), ax=axes, ticks=[0, 0.5, 1], fraction=0.02, pad=0.01)
        bar.ax.set_yticklabels(["0", "50", "100 % right"], fontsize=7.5)
        bar.outline.set_visible(False)
        return data_uri(figure)


def bars(graph: SkillGraph) -> list[tuple[str, list[str]]]:
    """(depth, or several as FROM–TO; the skills there), at most MAX_BARS of them."""
    by_depth: dict[int, list[str]] = defaultdict(list)
    for skill, depth in graph.depth().items():
        by_depth[depth].append(skill)
    width = -(-len(by_depth) // MAX_BARS)
    starts = range(0, len(by_depth), width)
    ranges = [range(start, min(start + width, len(by_depth))) for start in starts]
    return [
        (f"{one[0]}" if len(one) == 1 else f"{one[0]}–{one[-1]}", [skill for depth in one for skill in by_depth[depth]])
        for one in ranges
    ]
