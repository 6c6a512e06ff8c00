"""Data maps: the mean of every example's losses against their spread (Dataset Cartography, arXiv 2009.10795)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skillray.diagnosis.dynamics import Category
from skillray.report.drawing import MUTED, PALETTE, data_uri, style
from skillray.report.learnt import Learnt
from skillray.report.text import amount
from skillray.types import seed_for

MAX_MAPS = 6
"""Drawn; the table of sizes has every round."""
MAX_POINTS = 2_000
COLOURS = {
    Category.ERROR: PALETTE[5],
    Category.HARD: PALETTE[1],
    Category.AMBIGUOUS: PALETTE[4],
    Category.EASY: PALETTE[2],
}
"""Those that have a place on the map."""


def map_figure(learnt: Learnt) -> str:
    """A data URI, or "" when no example has enough losses."""
    rows = learnt.last.filter(pc.not_equal(learnt.last["category"], str(Category.UNSEEN)))
    if not rows.num_rows:
        return ""
    shown = sampled(rows, seed_for("data map", learnt.student, learnt.round))
    with style():
        figure = Figure(figsize=(5.2, 3.9))
        axes = figure.subplots()
        for category, colour in COLOURS.items():
            some = shown.filter(pc.equal(shown["category"], str(category)))
            name = f"{category} {amount(learnt.sizes[-1].counts[category])}"
            axes.plot(some["std"], some["mean"], "o", ms=2.6, mew=0, alpha=0.6, color=colour, label=name)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        _bound(axes, learnt)
        axes.set_xlabel("spread of its losses, nats")
        axes.set_ylabel("mean of its losses, nats")
        axes.grid()
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2, markerscale=2, handletextpad=0)
        return data_uri(figure)


def sampled(rows: pa.Table, seed: int) -> pa.Table:
    """At most `MAX_POINTS` rows, uniformly."""
    if rows.num_rows <= MAX_POINTS:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(rows.num_rows, MAX_POINTS, replace=False)))


def _bound(axes: Axes, learnt: Learnt) -> None:
    """Where the categories meet."""
    bounds = learnt.bounds
    lines: dict[str, Any] = {"color": MUTED, "lw": 0.9}
    if "hard_above_mean" in bounds:
        axes.axhline(bounds["hard_above_mean"], ls=":", **lines)
        axes.axvline(bounds["easy_up_to_std"], ymax=bounds["hard_above_mean"] / axes.get_ylim()[1], ls=":", **lines)
    if "error_from_mean" in bounds:
        corner = [0, bounds["error_up_to_std"], bounds["error_up_to_std"]]
        top = axes.get_ylim()[1]
        axes.plot(corner, [bounds["error_from_mean"]] * 2 + [max(top, bounds["error_from_mean"])], ls="--", **lines)
