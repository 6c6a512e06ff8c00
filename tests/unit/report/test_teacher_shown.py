"""What was measured of a teacher stands in the tables and in the page."""

from __future__ import annotations

from pathlib import Path

from skillray.evaluation.belief import Figure
from skillray.report import tables, write_report
from skillray.store.files import commit_json, read_json
from tests.unit.report.make_run import make_run


def test_the_figures_of_a_teacher_and_what_several_cost_are_shown(tmp_path: Path) -> None:
    run = make_run(str(tmp_path))
    found = Figure(hits=0, cases=20, outcomes={"judged_correct": 20}, means={"overlap": 0.25})
    status = read_json(run.status) | {"teacher_check": {"wrong_found": found.to_json()}}
    spent = {"calls": 7, "prompt_tokens": 5, "completion_tokens": 3, "usd": 0.5}
    status["usage"]["teacher"]["by_teacher"] = {
        "teacher": spent | {"model": "small"}, "write-questions": spent | {"model": "large"}
    }  # fmt: skip
    commit_json(run.status, status)
    said = tables(run)
    assert "wrong found" in said and "0 of 20" in said and "0 [0, 16]" in said
    assert "20 judged_correct; overlap 0.25" in said
    page = Path(write_report(run)).read_text()
    assert "wrong found" in page and "0 [0, 16]" in page and "large" in page and "write-questions" in page
