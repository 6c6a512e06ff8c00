"""Accuracy, loss and time, drawn. Each function gives a data URI, or "" when there is nothing to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skillray.report.drawing import MUTED, PALETTE, ROUND_COLOURS, WIDTH, data_uri, label, shade, style
from skillray.report.text import after_name
from skillray.store.records import Round, Student

MAX_STUDENTS = 40
"""Rows of a figure; the tables have every student."""
MAX_LINES = 8
"""Curves in one plot: as many as there are colours to tell apart."""
MAX_ROUNDS = 6
"""Rounds of one student in a figure: the base and the latest."""
MAX_POINTS = 300
"""Points of a curve; longer ones are averaged over equal windows of steps."""


def accuracy(students: Mapping[str, Student]) -> str:
    """One row a student: its accuracy before training and after every round, in percent, with 95% intervals."""
    shown = [(name, drawn_rounds(s.scored)) for name, s in students.items() if s.scored][:MAX_STUDENTS]
    if not shown:
        return ""
    with style():
        figure = Figure(figsize=(WIDTH, 0.9 + sum(0.19 * len(rounds) + 0.14 for _, rounds in shown)))
        axes = figure.subplots()
        last = max(r.round for _, rounds in shown for r in rounds)
        ticks, y = [], 0.0
        for _, rounds in shown:
            for place, scored in enumerate(rounds):
                _mark(axes, y + place, scored, last)
            ticks.append(y + (len(rounds) - 1) / 2)
            y += len(rounds) + 0.75
        axes.set_yticks(ticks, [label(name) for name, _ in shown])
        axes.set_ylim(y - 0.4, -0.8)
        axes.set_xlabel("held-out accuracy, %")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        _round_legend(axes, sorted({r.round for _, rounds in shown for r in rounds}), last)
        return data_uri(figure)


def drawn_rounds(scored: Sequence[Round]) -> list[Round]:
    """The first and the latest, `MAX_ROUNDS` at most."""
    return [*scored[:1], *scored[1:][-(MAX_ROUNDS - 1) :]]


def _mark(axes: Axes, y: float, scored: Round, last: int) -> None:
    estimate = scored.accuracy
    assert estimate is not None  # only scored rounds come here
    colour, face = _look(scored.round, last)
    axes.plot([100 * estimate.low, 100 * estimate.high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
    axes.plot([100 * estimate.mean], [y], marker="o", ms=5.5, mfc=face, mec=colour, mew=1.4, ls="none")


def _look(index: int, last: int) -> tuple[str, str]:
    """(edge, face): the base is hollow and grey, later rounds are darker."""
    if index < 0:
        return MUTED, "#ffffff"
    colour = shade(ROUND_COLOURS, 1.0 if last < 1 else index / last)
    return colour, colour


def _round_legend(axes: Axes, rounds: Sequence[int], last: int) -> None:
    handles = []
    for index in rounds:
        colour, face = _look(index, last)
        name = after_name(index)
        handles.append(Line2D([], [], marker="o", ms=5.5, mfc=face, mec=colour, mew=1.4, color=colour, label=name))
    _legend(axes, MAX_ROUNDS, handles)


def _legend(axes: Axes, columns: int, handles: Sequence[Line2D] | None = None) -> None:
    """Above the plot, so that it covers nothing; without `handles`, what was drawn with a label."""
    found = axes.get_legend_handles_labels()[0] if handles is None else handles
    axes.legend(handles=found, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)


def loss(curves: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Training loss by optimizer step; rounds of a student follow each other."""
    shown = [(name, curve) for name, curve in curves.items() if curve][:MAX_LINES]
    if not shown:
        return ""
    with style():
        figure = Figure(figsize=(WIDTH, 2.9))
        axes = figure.subplots()
        for (name, curve), colour in zip(shown, PALETTE, strict=False):
            steps, losses = thinned(np.array(curve, dtype=np.float64))
            marker = "o" if len(steps) == 1 else ""
            axes.plot(steps, losses, lw=1.3, color=colour, label=label(name), marker=marker, ms=3)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("training loss, nats a token")
        axes.set_ylim(bottom=0)
        axes.grid()
        _legend(axes, 4)
        return data_uri(figure)


def thinned(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(steps, losses) of a (points, 2) curve, averaged over windows where there are more than `MAX_POINTS`."""
    windows = np.array_split(curve, min(len(curve), MAX_POINTS))
    steps, losses = np.array([window.mean(axis=0) for window in windows]).T
    return steps, losses


def seconds(by_student: Mapping[str, Mapping[str, float]]) -> str:
    """One bar a student, its stages stacked; one colour a stage."""
    bars = folded(dict(list(by_student.items())[:MAX_STUDENTS]))
    if not bars:
        return ""
    unit, scale = _unit(max(sum(bar.values()) for bar in bars.values()))
    with style():
        figure = Figure(figsize=(WIDTH, 0.95 + 0.3 * len(bars)))
        axes = figure.subplots()
        left = np.zeros(len(bars))
        for stage, colour in zip(stages(bars), PALETTE, strict=False):
            widths = np.array([bar.get(stage, 0.0) / scale for bar in bars.values()])
            axes.barh(range(len(bars)), widths, 0.66, left=left, color=colour, ec="white", lw=0.8, label=label(stage))
            left += widths
        axes.set_yticks(range(len(bars)), [label(name) for name in bars])
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_xlabel(unit)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        _legend(axes, 5)
        return data_uri(figure)


def folded(bars: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """`bars` with at most as many stages as there are colours: the shortest ones become "other"."""
    total = {stage: sum(bar.get(stage, 0.0) for bar in bars.values()) for stage in stages(bars)}
    longest = sorted(total, key=total.__getitem__, reverse=True)
    kept = longest if len(longest) <= len(PALETTE) else longest[: len(PALETTE) - 1]
    result: dict[str, dict[str, float]] = {}
    for name, bar in bars.items():
        result[name] = {stage: spent for stage, spent in bar.items() if stage in kept}
        if rest := sum(spent for stage, spent in bar.items() if stage not in kept):
            result[name]["other"] = result[name].get("other", 0.0) + rest
    return result


def stages(bars: Mapping[str, Mapping[str, float]]) -> list[str]:
    """In the order of the bar that has most of them, then as they appear."""
    fullest = sorted(bars.values(), key=len, reverse=True)
    return list(dict.fromkeys(stage for bar in fullest for stage in bar))


def _unit(longest: float) -> tuple[str, float]:
    if longest < 180:
        return "seconds", 1.0
    return ("minutes", 60.0) if longest < 180 * 60 else ("hours", 3600.0)
