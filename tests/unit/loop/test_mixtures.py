"""A mixture that names what the pool has not is refused before anything is paid for, and one that names what it has is
not: also where the skills come from a graph, a teacher, or a run that is there already.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skillray.config import parse
from skillray.errors import ConfigError
from skillray.loop.preflight import preflight
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_json
from skillray.store.fence import UNFENCED
from skillray.store.layout import RunFolder
from tests.unit.bad_input.kinds import question, write_rows

MODEL = {"teacher": {"type": "openai", "model": "m", "url": "http://localhost:9/v1"}}


def rows(start: int, count: int, *skills: str) -> list[dict[str, Any]]:
    """Of two subjects in turn."""
    found = [question(n) for n in range(start, start + count)]
    for place, row in enumerate(found):
        row.pop("skills", None)
        row |= {"subject": ("algebra", "logic")[place % 2]} | ({"skills": list(skills)} if skills else {})
    return found


def check(folder: Path, part: dict[str, Any], *skills: str, run: RunFolder | None = None, **more: Any) -> None:
    write_rows(folder / "pool.jsonl", rows(0, 10, *skills))
    probe = rows(100, 40, *skills)
    if more.pop("one_subject", False):
        write_rows(folder / "pool.jsonl", [row | {"subject": "algebra"} for row in rows(0, 10, *skills)])
    write_rows(folder / "probe.jsonl", probe)
    data = {"type": "tables", **{name: {"path": str(folder / f"{name}.jsonl")} for name in ("pool", "probe")}}
    data |= more.pop("data", {})
    stages = [{"curriculum": {"type": "uniform"}}, {"curriculum": {"type": "mixture", "parts": [part]}}]
    base = {"name": "r", "students": [{"name": "a", "stages": stages}], "grading": {"scorer": {"type": "outcome"}}}
    base |= {"diagnosis": {"source": "labels"}}
    preflight(parse(base | {"data": data} | more, "c"), run)


def test_where_a_teacher_labels_subjects_are_known_and_skills_are_not(tmp_path: Path) -> None:
    labelled = {"data": {"labelling": {"families": 2}}} | MODEL
    check(tmp_path, {"subject": "algebra"}, **labelled)
    check(tmp_path, {"skills": ["whatever"]}, **labelled)
    with pytest.raises(ConfigError, match=r"no question of the subject 'algebr'; it has algebra, logic"):
        check(tmp_path, {"subject": "algebr"}, **labelled)


def test_a_pool_of_one_subject_has_it_where_the_probe_set_has_others(tmp_path: Path) -> None:
    check(tmp_path, {"subject": "algebra"}, "sum", one_subject=True)
    with pytest.raises(ConfigError, match=r"no question of the subject 'logic'; it has algebra"):
        check(tmp_path, {"subject": "logic"}, "sum", one_subject=True)


def test_labels_that_are_members_of_a_unit_are_named_as_the_unit(tmp_path: Path) -> None:
    """Skills of several subjects are named by subject."""
    syllabus = tmp_path / "s.md"
    syllabus.write_text("# Logic\n- logic/sum (requires: logic/loop)\n- logic/loop (requires: logic/sum)\n")
    graph = {"graph": {"type": "syllabus", "path": str(syllabus)}}
    check(tmp_path, {"skills": ["logic/loop+logic/sum"]}, "sum", **graph)
    check(tmp_path, {"skills": ["algebra/sum"]}, "sum", **graph)
    with pytest.raises(ConfigError, match=r"no question of the skill 'logic/sum'; it has algebra/sum, logic/loop"):
        check(tmp_path, {"skills": ["logic/sum"]}, "sum", **graph)


def test_a_student_that_is_added_is_checked_against_the_questions_of_the_run(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path / "run"))
    UNFENCED.commit_json(run.graph, graph_json(SkillGraph.flat(["sum"])))
    check(tmp_path, {"skills": ["sum"]}, "sum", run=run)
    with pytest.raises(ConfigError, match=r"no question of the skill 'summ'; it has sum"):
        check(tmp_path, {"skills": ["summ"]}, "sum", run=run)
