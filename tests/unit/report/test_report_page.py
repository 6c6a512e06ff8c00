"""The page: self-contained, true to its inputs, safe with hostile text, whole with any part missing."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from skillray.errors import TableError
from skillray.report import write_report
from skillray.store.fence import UNFENCED
from skillray.store.files import commit, commit_json, read_json
from skillray.store.layout import RunFolder
from tests.unit.report.make_run import GRAPH, METHODS, example, make_run

HOSTILE = "<script>alert(1)</script></style>\u202eevil\x1b[31mred\ud800$x_1$"
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """What a browser makes of a page: its tags with attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def written(run: RunFolder) -> str:
    return Path(write_report(run)).read_bytes().decode()


def images(html: str) -> list[str]:
    return [
        base64.b64decode(data).decode() for data in re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", html)
    ]


def edit(path: str, change: dict[str, Any]) -> None:
    commit_json(path, read_json(path) | change)


def test_it_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    html = written(make_run(str(tmp_path)))
    page = Page(html)
    assert not {"script", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in page.tags}
    links = [value or "" for _, attrs in page.tags for key, value in attrs.items() if key in ("src", "href")]
    assert links and all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in links)
    assert "url(" not in html and "@import" not in html
    policies = [attrs["content"] for tag, attrs in page.tags if tag == "meta" and "http-equiv" in attrs]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_every_link_has_its_section(tmp_path: Path) -> None:
    page = Page(written(make_run(str(tmp_path))))
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    targets = {(attrs["href"] or "").removeprefix("#") for tag, attrs in page.tags if tag == "a"}
    assert len(targets) == 9 and targets <= ids


def test_hostile_text_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    hostile = HOSTILE.replace("\ud800", "")  # Arrow and our own JSON hold no lone surrogate; a foreign status.json may
    run = make_run(str(tmp_path), students=1, rounds=1, graph={hostile: [], "b": [hostile]})
    status = read_json(run.status) | {"notes": [HOSTILE], "versions": {HOSTILE: HOSTILE}, "state": HOSTILE}
    commit(run.status, json.dumps(status).encode())
    table = run.round("stat-sel", 0).segment().table("examples")
    table.write(pa.Table.from_pylist([example(0, "select", hostile, hostile)], schema=table.schema), fence=UNFENCED)
    html = written(run)
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags} and html.count("</style>") == 1
    assert r"<script>alert(1)</script></style>\u202eevil\x1b[31mred\ud800$x_1$" in page.text
    drawn = "".join(images(html))
    assert "&lt;script&gt;" in drawn and "<script" not in drawn
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html + drawn)


def test_numbers_are_those_of_the_summary(tmp_path: Path) -> None:
    """The only held-out mean is put at 61.26 in [57.04, 65.48] and 70.02: shown with one decimal, change +8.8."""
    run = make_run(str(tmp_path), students=1, rounds=1)
    summary = read_json(run.summary)
    before, after = summary["students"]["stat-sel"]["rounds"]
    before["accuracy"] = {"mean": 0.6126, "low": 0.5704, "high": 0.6548, "n": 1234}
    after["accuracy"] = {"mean": 0.7002, "low": 0.6611, "high": 0.7393, "n": 1234}
    after["by_skill"]["percentage"] = {"mean": 0.374, "low": 0.221, "high": 0.549, "n": 40}
    before["by_skill"]["percentage"] = {"mean": 0.424, "low": 0.271, "high": 0.589, "n": 40}
    commit_json(run.summary, summary)
    text = Page(written(run)).text.split("\n")
    assert [w for w in text if re.fullmatch(r"61\.3|57\.0 – 65\.5|70\.0|66\.1 – 73\.9|\+8\.8", w)] == [
        "61.3", "57.0 – 65.5", "70.0", "66.1 – 73.9", "+8.8",
    ]  # fmt: skip
    assert any("over 1,234 questions" in words for words in text)
    place = text.index("22 – 55")
    assert [w for w in text[:place] if w][-2:] == ["37", "−5"]  # of the skill: latest, and 37.4 − 42.4


def test_comparisons_read_their_interval(tmp_path: Path) -> None:
    text = Page(written(make_run(str(tmp_path)))).text
    assert "+3.4 to +12.7" in text and "stat-sel higher, not adjusted" in text
    assert "−1.2 to +5.5" in text and "no clear difference" in text


def test_a_profile_that_was_not_taken_is_said(tmp_path: Path) -> None:
    """Two rounds: profiles before training and after round 0, none after round 1, none at all of the control."""
    text = " ".join(Page(written(make_run(str(tmp_path)))).text.split())
    assert "80 of 200 questions difficult before training, 56 of 200 after round 0." in text
    assert "No profile was taken after round 1" in text
    assert "No profile was taken of: uniform." in text


def test_a_failed_student_says_why(tmp_path: Path) -> None:
    run = make_run(str(tmp_path))
    error = "fine_tune: CUDA out of memory: set training.micro_batch_size to 1"
    students = read_json(run.status)["students"] | {"stat-syn": {"round": 1, "state": "failed", "error": error}}
    edit(run.status, {"students": students, "state": "failed"})
    page = Page(written(run))
    assert error in " ".join(page.text.split())
    assert {"class": "state failed"} in [attrs for tag, attrs in page.tags if tag == "span"]


@pytest.mark.parametrize(
    "missing", ["config.yaml", "status.json", "summary.json", "data", "students", "students/stat-sel/round-001"]
)
def test_a_missing_part_leaves_the_rest(tmp_path: Path, missing: str) -> None:
    run = make_run(str(tmp_path))
    path = os.path.join(run.path, missing)
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    text = Page(written(run)).text
    assert "stat-sel" in text and "Accuracy on held-out questions" in text


def test_a_run_that_has_just_begun(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    commit_json(
        run.status,
        {"run": "young", "state": "running", "students": {"a": {"round": 0, "stage": "answer", "state": "running"}}},
    )
    text = " ".join(Page(written(run)).text.split())
    assert "young running" in text and "1 student, 0 skills" in text and "round 0, answer" in text


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    run = make_run(str(tmp_path))
    part = Path(run.round("stat-sel", 0).segment().table("learning").paths()[0])
    part.write_bytes(part.read_bytes()[:100])
    text = Page(written(run)).text
    assert "Went wrong" in text and f"{part} is damaged" in text


def test_a_skill_without_questions_is_a_dash(tmp_path: Path) -> None:
    run = make_run(str(tmp_path), students=1, rounds=1, graph={"only": []})
    summary = read_json(run.summary)
    for scored in summary["students"]["stat-sel"]["rounds"]:
        scored["by_skill"]["only"] = {"mean": None, "low": None, "high": None, "n": 0}
    commit_json(run.summary, summary)
    html = written(run)
    assert "<td><b>–</b></td>" in html and "nan" not in Page(html).text.lower().split()


def test_summary_of_another_version_is_one_line(tmp_path: Path) -> None:
    run = make_run(str(tmp_path))
    commit_json(run.summary, {"students": {"a": {"rounds": [{"round": 0, "accuracy": {"share": 0.5}}]}}})
    with pytest.raises(TableError, match=r"summary.json: students.a.rounds.0.accuracy.mean: Field required"):
        write_report(run)


def test_no_such_run(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="is not a run folder"):
        write_report(RunFolder(str(tmp_path / "absent")))
    assert not (tmp_path / "absent").exists()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (Path(write_report(make_run(str(tmp_path / "a" / "run")))).read_bytes() for _ in range(2))
    elsewhere = Path(write_report(make_run(str(tmp_path / "b" / "run")))).read_bytes()
    assert first == second == elsewhere


def test_forty_students_and_118_skills_stay_small(tmp_path: Path) -> None:
    graph = {f"skill_number_{i}": [] for i in range(118)}
    html = written(make_run(str(tmp_path), students=40, rounds=1, graph=graph))
    assert len(html.encode()) < 3 * MEGABYTE
    text = Page(html).text
    assert "student-39" in text and "34 more students are in the table above" in " ".join(text.split())


def test_graph_is_drawn_for_every_student(tmp_path: Path) -> None:
    drawn = images(written(make_run(str(tmp_path))))
    graphs = [svg for svg in drawn if "percentage" in svg]
    assert len(graphs) == len(METHODS) and all(svg.count("→") == len(GRAPH) for svg in graphs)


def test_a_large_graph_is_drawn_by_depth_and_only_scored_skills_are_in_the_table(tmp_path: Path) -> None:
    run = make_run(str(tmp_path), students=6, rounds=2)
    large = {f"skill_{n}": [f"skill_{n // 10}"] if n >= 10 else [] for n in range(5_000)}
    commit_json(run.graph, {"skills": [*GRAPH, *large], "prerequisites": GRAPH | large})
    html = written(run)
    page = Page(html)
    assert "A bar is all skills of one depth" in page.text and "5,000 skills of the graph that no question" in page.text
    assert "skill_4999" not in html and "skill_7\n" not in page.text and "percentage" in page.text.replace("_\n", "_")
    assert len([one for one in images(html) if "depth: longest chain of prerequisites" in one]) == 6
    assert len(html) < MEGABYTE


def test_study_units_are_named_with_their_members(tmp_path: Path) -> None:
    run = make_run(str(tmp_path), students=1, rounds=1, graph={"a+b": [], "c": ["a+b"]})
    edit(run.graph, {"members": {"a+b": ["a", "<b>"]}})
    text = " ".join(Page(written(run)).text.split())
    assert "Skills that need each other are one study unit: a+b (a, <b>)" in text
