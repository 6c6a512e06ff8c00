"""What all figures share: colours safe for colour-blind readers, and a figure as an SVG in a data URI."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure

from skillray.report.text import line

INK, MUTED, RULE = "#1d2530", "#667080", "#d9dde3"
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a6a00", "#4d4d4d")
"""Okabe and Ito's colours, without the yellow that vanishes on white."""
ROUND_COLOURS = LinearSegmentedColormap.from_list("rounds", ["#7db8e0", "#0b3c66"])
ACCURACY = LinearSegmentedColormap.from_list("accuracy", ["#c2501c", "#efb18a", "#f6f2ea", "#93bfdf", "#1c64a4"])
"""Orange (0) over cream (one half) to blue (1): its two ends differ for every kind of colour vision."""
WIDTH = 9.4
"""Inches of a plot with its margins, which are cut off."""

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "skillray",  # ids in the SVG are the same for the same figure
    "svg.fonttype": "none",  # text stays text: small, sharp and searchable
    "text.parse_math": False,  # a $ in a skill's name is a $
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "grid.color": "#eceff3",
    "legend.frameon": False,
    "legend.columnspacing": 1.2,
}


@contextmanager
def style() -> Iterator[None]:
    """Our settings while a figure is made and saved; the process's own come back afterwards."""
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw it, not ours
        yield


def data_uri(figure: Figure) -> str:
    """Call it inside `style()`. The same figure gives the same bytes: no date, no random ids."""
    sink = io.BytesIO()
    figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight", pad_inches=0.08)
    return "data:image/svg+xml;base64," + base64.b64encode(sink.getvalue()).decode()


def label(text: str, width: int = 28) -> str:
    return line(text, width)


def shade(colours: Colormap, share: float) -> str:
    """The colour at `share` in [0, 1], as #rrggbb."""
    return to_hex(colours(share))


def ink_on(colour: str) -> str:
    """Black or white, whichever has the higher contrast (WCAG 2, relative luminance) on `colour`; at least 4.5."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
