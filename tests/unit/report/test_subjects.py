"""A vocabulary of several subjects: the same names again, each under its own heading."""

from __future__ import annotations

from pathlib import Path

from skillray.report import profile_json, profile_table, write_report
from skillray.report.graph_plot import grid, headings
from skillray.report.views import by_subject
from skillray.store.files import commit_json, read_json
from skillray.store.layout import RunFolder
from tests.unit.report.make_run import make_run

SUBJECTS = {"algebra/equations": "algebra", "numbers/primes": "numbers", "numbers/equations": "numbers"}


def run_with_subjects(path: Path) -> RunFolder:
    run = make_run(str(path), students=1, rounds=1, graph={skill: [] for skill in SUBJECTS})
    commit_json(run.graph, read_json(run.graph) | {"subjects": SUBJECTS})
    return run


def test_rows_stand_under_their_subject_in_the_order_they_come_up() -> None:
    rows = [("numbers/primes", 9), (None, 8), ("algebra/equations", 7), ("numbers/equations", 1)]
    assert by_subject(rows, SUBJECTS) == [
        ("", [(None, 8)]),
        ("numbers", [("numbers/primes", 9), ("numbers/equations", 1)]),
        ("algebra", [("algebra/equations", 7)]),
    ]
    assert by_subject(rows, {}) == [("", rows)]


def test_the_profile_is_grouped(tmp_path: Path) -> None:
    """The third skill is missed most and the first least, so number theory comes first."""
    run = run_with_subjects(tmp_path)
    lines = [line.rstrip() for line in profile_table(run).splitlines()]
    counts = profile_json(run)["students"]["stat-sel"]["profiles"][0]["counts"]
    assert list(counts) == ["numbers/equations", "numbers/primes", "algebra/equations"]
    assert [line[:11].rstrip() for line in lines[2:7]] == [
        "numbers",
        "  equations",
        "  primes",
        "algebra",
        "  equations",
    ]
    assert lines[3].split()[1] == str(counts["numbers/equations"])
    assert profile_json(run)["subjects"] == SUBJECTS


def test_the_page_is_grouped(tmp_path: Path) -> None:
    """By skill, missing and studied: two columns each, the names and one student."""
    html = Path(write_report(run_with_subjects(tmp_path))).read_text()
    assert html.count('<tr class="subject"><th colspan="2" scope="rowgroup">numbers</th></tr>') == 3
    assert "numbers/" not in html
    assert '<tr class="subject">' not in Path(write_report(make_run(str(tmp_path / "plain")))).read_text()


def test_the_share_of_steps_that_were_read_is_shown(tmp_path: Path) -> None:
    run = run_with_subjects(tmp_path)
    assert "could check" not in profile_table(run) + Path(write_report(run)).read_text()
    summary = read_json(run.summary)
    for one in summary["students"]["stat-sel"]["rounds"]:
        if one["profile"] is not None:
            one["profile"]["steps"] = {"read": 3, "unread": 1}
    commit_json(run.summary, summary)
    [row] = [line for line in profile_table(run).splitlines() if line.startswith("written steps that the scorer could")]
    assert set(row.partition("percent")[2].split()) <= {"75", "–"} and "75" in row
    assert "The step scorer could check 75% of the written steps." in Path(write_report(run)).read_text()


def test_what_was_left_out_of_the_data_is_a_note(tmp_path: Path) -> None:
    run = run_with_subjects(tmp_path)
    commit_json(run.data_notes, ["data.pool: left out 4 without an answer"])
    html = Path(write_report(run)).read_text()
    assert "<li>data.pool: left out 4 without an answer</li>" in html and html.count("<li>The diagnosed models") == 1


def test_every_subject_of_a_grid_begins_below_its_heading() -> None:
    """Four columns: five skills of a take two rows below the heading in row 0, so b has its heading in row 3."""
    skills = [*(f"a/{i}" for i in range(5)), "b/0"]
    subjects = {skill: skill[0] for skill in skills}
    places = grid(skills, subjects)
    assert places == {"a/0": (0, 1), "a/1": (1, 1), "a/2": (2, 1), "a/3": (3, 1), "a/4": (0, 2), "b/0": (0, 4)}
    assert headings(places, subjects) == [("a", 0), ("b", 3)]
