"""Skill graphs and syllabi that are not what a config says they are, or cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.unit.bad_input.kinds import DOMAIN, TABLES, Case, field, tables, write_config, write_rows

TOPIC: dict[str, Any] = DOMAIN | {"graph": {"type": "decompose", "topic": "arithmetic"}}
GRAPH = {"skills": ["a", "b"], "prerequisites": {"b": ["a"]}}
SYLLABUS = "# Percentage\n- exact division\n"


def graph(name: str, content: Any, *expected: str, file: str = "g.json", start: Mapping[str, Any] = TABLES) -> Case:
    """A right config with this graph or syllabus."""
    kind = "file" if file.endswith(".json") else "syllabus"

    def make(folder: Any) -> None:
        write_config(folder, {**start, "graph": {"type": kind, "path": file}})
        write_rows(folder / file, json.dumps(content) if isinstance(content, dict) else content)

    return Case(name, ("plan", "c.yaml"), expected, make)


def command(name: str, words: tuple[str, ...], *expected: str, **files: str) -> Case:
    def make(folder: Any) -> None:
        write_config(folder)
        for stem, text in files.items():
            (folder / stem.replace("_", ".")).write_text(text)

    return Case(name, ("graph", *words), expected, make)


def write_cyclic(folder: Any) -> None:
    """The run goes on, with a unit."""
    tables("tables", config={**TABLES, "graph": {"type": "syllabus", "path": "s.md"}}).make(folder)
    (folder / "s.md").write_text("- sum (requires: rest)\n- rest (requires: sum)\n")


FIELDS = [
    field("graph-of-no-type", "graph={path: g.json}", "graph: needs a `type`, one of file, syllabus, decompose"),
    field("graph-of-unknown-type", "graph.type=sylabus", "unknown type 'sylabus'", "did you mean 'syllabus'"),
    field("graph-without-path", "graph.type=file", "graph.path: must be given"),
    field("graph-unknown-field", "graph={type: file, pth: g.json}", "unknown field 'graph.pth'", "'path'"),
    field("topic-empty", "graph.topic=''", "graph.topic", config=TOPIC),
    field("topic-of-signs", "graph.topic='--'", "graph.topic must have letters or digits", config=TOPIC),
    field("topic-of-another-world", "graph.topic=calculus", "a domain teacher takes apart only", config=TOPIC),
    field("no-depth", "graph.depth=0", "graph.depth: must be greater than 0", config=TOPIC),
    field("breadth-too-large", "graph.breadth=99", "graph.breadth: must be less than or equal to 40", config=TOPIC),
    field("no-calls", "graph.max_calls=0", "graph.max_calls: must be greater than 0", config=TOPIC),
    field("cosine-above-1", "graph.min_cosine=1.5", "graph.min_cosine: must be less than", config=TOPIC),
    field("syllabus-missing", "graph.syllabus=no.md", "graph.syllabus: ", "no.md: No such file", config=TOPIC),
]

FILES = [
    field("graph-missing", "graph={type: file, path: no.json}", "graph.path:", "no.json: No such file"),
    field("graph-is-a-folder", "graph={type: file, path: .}", "graph.path:", "must end in .json"),
    graph("graph-is-a-picture", b"\x89PNG\xff", "graph.path:", "g.json: is not UTF-8 text"),
    graph("graph-cut-off", '{"skills": ["a"', "g.json: is no JSON"),
    graph("graph-is-a-list", "[]", "g.json: is no skill graph"),
    graph("graph-of-another-version", GRAPH | {"version": 9}, "has version 9, and this skillray reads 1"),
    graph("graph-unknown-key", GRAPH | {"edges": []}, "unknown field 'edges'"),
    graph(
        "graph-unknown-prerequisite", GRAPH | {"prerequisites": {"b": ["z"]}}, "'b' builds on 'z', which is no skill"
    ),
    graph("graph-skill-twice", GRAPH | {"skills": ["a", "b", "a"]}, "skills: 'a' stands twice"),
    graph("graph-without-skills", {"skills": []}, "g.json: it has no skills"),
    graph("graph-the-domain-cannot-teach", GRAPH, "graph: a, b: arithmetic cannot teach 2 of its 2", start=DOMAIN),
    graph("syllabus-of-another-kind", "x", "s.txt: its name must end in .json", file="s.txt"),
    graph("syllabus-empty", "", "s.md: no skill in it", file="s.md"),
    graph(
        "syllabus-unknown-prerequisite",
        "# A\n- b\n- c (requires: d)\n",
        "graph.path:",
        "s.md line 3: 'c' requires 'd', which is no skill of it",
        file="s.md",
    ),
    graph("syllabus-the-domain-cannot-teach", "- percentage\n- chess\n", "graph: chess:", file="s.md", start=DOMAIN),
    graph(
        "syllabus-cyclic-for-a-domain",
        "- percentage (requires: exact division)\n- exact division (requires: percentage)\n",
        "graph: exact_division, percentage need each other",
        file="s.md",
        start=DOMAIN,
    ),
    graph("syllabus-yaml-damaged", "- a\n b: [", "s.yaml: line 2", file="s.yaml"),
    graph("syllabus-yaml-of-numbers", "- 5\n", "s.yaml entry 0: must be a name", file="s.yaml"),
    graph("syllabus-yaml-unknown-field", "- {skill: a, part: []}\n", "unknown field 'part'", file="s.yaml"),
]

COMMANDS = [
    command("build-of-tables-without-graph", ("build", "t.yaml"), "t.yaml: No such file"),
    command("build-into-no-json", ("build", "c.yaml", "--out", "g.txt"), "--out g.txt: its name must end in .json"),
    command("show-nothing", ("show", "no.json"), "no.json: No such file"),
    command("show-a-folder", ("show", "."), ".: its name must end in .json (a graph), or .md or .yaml (a syllabus)"),
    command(
        "show-unknown-prerequisite", ("show", "s.md"), "s.md line 2: 'b' requires 'x'", s_md="- a\n- b (requires: x)"
    ),
    command("check-no-json", ("check", "g.json"), "g.json: is no JSON", g_json="{"),
    command("graph-unknown-command", ("draw", "g.json"), "No such command 'draw'"),
]

CASES = [*FIELDS, *FILES, *COMMANDS]

RIGHT = [
    Case("topic", ("plan", "c.yaml"), (), lambda folder: write_config(folder, TOPIC)),
    graph("syllabus-for-a-domain", SYLLABUS, file="s.md", start=DOMAIN),
    Case("cyclic-syllabus-for-tables", ("plan", "c.yaml"), (), write_cyclic),
]
