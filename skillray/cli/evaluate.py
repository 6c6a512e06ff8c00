"""`skillray evaluate`: what comes out, as a table."""

from __future__ import annotations

from skillray.loop.results import Run


def show_evaluation(evaluated: Run) -> None:
    """The table that stands in OUT/evaluation.json."""
    from skillray.report.terminal import evaluation_table

    print(evaluation_table(evaluated.evaluation or {}))
    print(f"figures: {evaluated.folder.evaluation}")
