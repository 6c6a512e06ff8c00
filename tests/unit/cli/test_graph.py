"""skillray graph: build from files, show, check; what is printed and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skillray.cli.main import main
from skillray.domains import DOMAINS
from skillray.skills.graph_json import graph_json
from skillray.store.layout import RunFolder
from tests.unit.bad_input.kinds import DOMAIN, TABLES, write_config

SYLLABUS = "# Whole\n- one (requires: two)\n- two (requires: one)\n- Three\n- three\n- four\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.md").write_text(SYLLABUS)


def command(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["graph", *words])
    out, err = capsys.readouterr()
    assert ended.value.code == code and (err == "") == (code == 0), err
    return out + err


def test_a_syllabus_is_built_and_the_file_is_one_that_can_be_read(tmp_path, capsys) -> None:
    write_config(tmp_path, TABLES | {"graph": {"type": "syllabus", "path": "s.md"}})
    assert command(capsys, "build", "c.yaml", "--out", "g.json") == (
        "graph: one study unit, for each needs the others: one+two (one, two)\n"
        "g.json: 4 skills, 3 edges, depth 1, 1 study units of skills that need each other\n"
    )
    found = json.loads(Path("g.json").read_text())
    assert found["skills"] == ["whole", "one+two", "three", "four"] and found["members"] == {"one+two": ["one", "two"]}
    assert command(capsys, "check", "g.json").endswith("no problem found\n")
    write_config(tmp_path, TABLES | {"graph": {"type": "file", "path": "g.json"}})
    command(capsys, "build", "c.yaml", "--out", "again.json")
    assert json.loads(Path("again.json").read_text()) == found


def test_without_a_graph_it_is_the_domains(tmp_path, capsys) -> None:
    write_config(tmp_path, DOMAIN)
    assert command(capsys, "build", "c.yaml") == "graph.json: 18 skills, 28 edges, depth 4\n"
    assert json.loads(Path("graph.json").read_text()) == graph_json(DOMAINS["arithmetic"].graph)
    write_config(tmp_path, TABLES)
    assert "graph: is not set" in command(capsys, "build", "c.yaml", code=2)


def test_show_has_size_units_and_order(capsys) -> None:
    assert command(capsys, "show", "s.md").splitlines() == [
        "graph: one study unit, for each needs the others: one+two (one, two)",
        "4 skills, 3 edges, depth 1, 1 study units of skills that need each other",
        "skills by depth: 0: 3, 1: 1",
        "unit one+two: one, two",
        "",
        "depth  skill, prerequisites",
        "    0  one+two",
        "    0  three",
        "    0  four",
        "    1  whole  <- one+two, three, four",
    ]
    found = json.loads(command(capsys, "show", "s.md", "--json"))
    assert (found["skills"], found["edges"], found["by_depth"]) == (4, 3, [3, 1])
    assert found["units"] == {"one+two": ["one", "two"]}
    assert found["order"][-1] == {"skill": "whole", "depth": 1}


def test_show_reads_a_run(tmp_path, capsys) -> None:
    run = RunFolder(str(tmp_path / "run"))
    Path(run.graph).parent.mkdir(parents=True)
    Path(run.config).write_text("")
    assert "no data/graph.json yet" in command(capsys, "show", "run", code=2)
    Path(run.graph).write_text(json.dumps(graph_json(DOMAINS["arithmetic"].graph)))
    assert command(capsys, "show", "run").startswith("18 skills, 28 edges, depth 4\nskills by depth: 0: 2, 1: 3")


def test_check_names_every_problem_and_ends_with_2(capsys) -> None:
    graph = {"skills": ["a", "b", "c", "Limits", "limit", "alone"], "prerequisites": {
        "a": ["b"], "b": ["a", "z"], "c": ["c", "Limits", "limit"],
    }}  # fmt: skip
    Path("g.json").write_text(json.dumps(graph))
    assert command(capsys, "check", "g.json", code=2).splitlines() == [
        "isolated: alone",
        "unknown prerequisite: b <- z",
        "itself a prerequisite: c",
        "cycle of 2: a, b",
        "one skill by name: Limits, limit",
        "skillray: g.json: 4 problem(s); `skillray graph build` makes cycles and duplicates one",
    ]


def test_isolated_skills_are_named_and_no_problem(capsys) -> None:
    Path("g.json").write_text(json.dumps({"skills": ["a", "b", "alone"], "prerequisites": {"a": ["b"]}}))
    assert (
        command(capsys, "check", "g.json") == "isolated: alone\ng.json: 3 skills, 1 edges, depth 1; no problem found\n"
    )
