"""What a reader must know before the numbers: who ended early and why, and who is probably broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skillray.report import tables, write_report
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json, read_json
from skillray.store.layout import RunFolder
from tests.unit.report.make_run import make_run

BROKEN = "before training: probably broken: of 400 held-out answers 0 are right"
PERFECT = "nothing to learn: none of the 200 profile questions was difficult for it"


def edit(path: str, student: str, **changes: Any) -> None:
    value = read_json(path)
    value["students"][student] |= changes
    commit_json(path, value)


def shown(run: RunFolder) -> tuple[str, str]:
    """The page and the terminal's text."""
    return Path(write_report(run)).read_text(), tables(run)


def test_warnings_and_endings_stand_before_the_numbers(tmp_path: Path) -> None:
    run = make_run(str(tmp_path))
    edit(run.summary, "stat-sel", warnings=[BROKEN + " <b>"], outcome="all rounds are done")
    edit(run.summary, "stat-syn", stop_reason="nothing_to_learn", outcome=PERFECT)
    page, text = shown(run)
    assert page.index("probably broken") < page.index("Accuracy on held-out") and "right &lt;b&gt;" in page
    assert f"<b>stat-syn</b>: {PERFECT}" in page
    assert f"WARNING stat-sel, {BROKEN} <b>\n" in text and f"stat-syn: {PERFECT}\n" in text
    assert "all rounds are done" not in page + text  # that is no news


def test_a_run_that_goes_on_shows_what_its_status_says(tmp_path: Path) -> None:
    run = make_run(str(tmp_path))
    edit(run.status, "uniform", warnings=[BROKEN])
    page, text = shown(run)
    assert BROKEN in page and f"WARNING uniform, {BROKEN}" in text


def test_no_news_is_no_box(tmp_path: Path) -> None:
    page, text = shown(make_run(str(tmp_path)))
    assert "Warnings" not in page and "Ended before" not in page and "WARNING" not in text


def test_a_round_whose_examples_were_all_removed_is_no_error(tmp_path: Path) -> None:
    run = make_run(str(tmp_path), rounds=1)
    examples = run.round("stat-sel", 0).segment().table("examples")
    examples.write(examples.schema.empty_table(), fence=UNFENCED)
    edit(
        run.summary, "stat-sel", stop_reason="nothing_left", outcome="nothing left to study: all examples were removed"
    )
    assert "all examples were removed" in shown(run)[0]
