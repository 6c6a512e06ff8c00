"""The graph of a config: from files, and joined with the questions' labels; by hand."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from skillray.config import parse
from skillray.domains import DOMAINS
from skillray.errors import DataError
from skillray.loop.skill_graph import (
    by_prefix,
    join,
    lists_asked,
    longest_list,
    make_graph,
    read_draft,
    refuse_long_lists,
    vocabulary,
)
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import graph_json
from skillray.store.schemas import QUESTIONS
from skillray.teacher.domain_teacher import DomainTeacher
from tests.unit.bad_input.kinds import DOMAIN, TABLES

SKILLS = DOMAINS["arithmetic"].skills_of()


def config(graph: dict, start: dict = DOMAIN, **more):
    return parse(start | {"graph": graph} | more, "test")


def table(*skills: list[str]) -> pa.Table:
    one = {"question_id": bytes(16), "question": "?", "answer": "", "solution": "", "split": "pool"}
    return pa.Table.from_pylist([one | {"skills": row} for row in skills], schema=QUESTIONS)


def test_each_kind_of_file_is_read_by_its_name(tmp_path) -> None:
    needs = {"whole": ("one", "two"), "one": (), "two": ()}
    (tmp_path / "g.json").write_text(json.dumps(graph_json(SkillGraph(needs))))
    (tmp_path / "s.md").write_text("\ufeff# Whole\n- one\n- two\n", encoding="utf-8")  # as some editors begin a file
    (tmp_path / "s.yaml").write_text("- {skill: whole, parts: [one, two]}\n")
    for name in ("g.json", "s.md", "s.yaml"):
        assert read_draft(str(tmp_path / name)).prerequisites == needs


def test_a_topic_is_taken_apart_and_merged_with_a_syllabus(tmp_path) -> None:
    path = tmp_path / "s.md"
    path.write_text("- Percentages (requires: negative number)\n- Negative numbers\n")
    asked = config({"type": "decompose", "topic": "Percentage", "depth": 2, "syllabus": str(path)})
    graph, notes = make_graph(asked, SKILLS, lambda: DomainTeacher(DOMAINS["arithmetic"]).ask, None)
    assert dict(graph.prerequisites) == {
        "percentage": ("negative_numbers", "fraction_of_a_number"),
        "negative_numbers": (),
        "fraction_of_a_number": ("exact_division", "single_digit_multiplication"),
        "exact_division": (),
        "single_digit_multiplication": (),
    }
    assert notes[0].startswith("graph: the teacher was asked about 2 skills") and "depth 2 is reached" in notes[1]


def test_a_domain_is_given_what_it_can_teach_and_its_own_name_is_all_of_it(tmp_path) -> None:
    path = tmp_path / "s.md"
    path.write_text("# Arithmetic\n- Exact division\n- percentage\n")
    graph, _ = make_graph(config({"type": "syllabus", "path": str(path)}), SKILLS, None, None)
    assert dict(graph.prerequisites) == {"exact_division": (), "percentage": ()}
    path.write_text("- percentage\n- juggling\n")
    with pytest.raises(DataError, match="graph: juggling: arithmetic cannot teach 1 of its 2 skills; remove them"):
        make_graph(config({"type": "syllabus", "path": str(path)}), SKILLS, None, None)
    path.write_text("- percentage (requires: exact division)\n- exact division (requires: percentage)\n")
    with pytest.raises(DataError, match="exact_division, percentage need each other, and arithmetic teaches one"):
        make_graph(config({"type": "syllabus", "path": str(path)}), SKILLS, None, None)


def test_questions_are_named_as_the_graph_names_them() -> None:
    graph = SkillGraph({"a+b": (), "sums": ("a+b",)}, members={"a+b": ("a", "b")}, aliases={"sums": ("adding",)})
    labels = SkillGraph.flat(["A", "adding", "b", "other"])
    tables, whole, notes = join(graph, {"pool": table(["A", "b"], ["adding", "other"], [])}, labels)
    assert tables["pool"]["skills"].to_pylist() == [["a+b"], ["sums", "other"], []]
    assert tables["pool"].schema == QUESTIONS
    assert dict(whole.prerequisites) == {"a+b": (), "sums": ("a+b",), "other": ()}
    assert notes == [
        "graph: 1 skills of the questions are not in it, so nothing is known of their prerequisites (other)",
        "graph: 3 labels of questions are other names of its skills (A, adding, b)",
    ]


def test_nothing_is_changed_where_names_agree() -> None:
    pool = table(["a"], ["b"])
    tables, whole, notes = join(SkillGraph({"b": ("a",), "a": ()}), {"pool": pool}, SkillGraph.flat(["a", "b"]))
    assert tables["pool"] is pool and notes == [] and whole.order() == ("a", "b")


def test_subjects_are_those_of_the_questions() -> None:
    graph = SkillGraph({"algebra/sums": (), "algebra/new": (), "alone": ()})
    labels = SkillGraph.flat(["Algebra/sums", "Logic/and"], {"Algebra/sums": "Algebra", "Logic/and": "Logic"})
    tables, whole, notes = join(graph, {"pool": table(["Algebra/sums"])}, labels)
    assert tables["pool"]["skills"].to_pylist() == [["algebra/sums"]]
    assert whole.allowed("Algebra") == ("algebra/sums", "algebra/new") and whole.allowed("Logic") == ("Logic/and",)
    assert notes[1].startswith("graph: 1 skills are named after no subject of the questions") and "(alone)" in notes[1]


def test_the_vocabulary_for_labels() -> None:
    graph = SkillGraph({"algebra/sums": (), "algebra/new": (), "alone": ()})
    assert vocabulary(graph, ["", "Algebra"]) == {"": graph.skills, "Algebra": graph.skills}
    assert vocabulary(graph, ["Algebra", "Logic"]) == {"Algebra": ("sums", "new"), "Logic": ()}


def test_too_many_names_for_a_prompt_are_refused_where_a_model_would_choose_among_them() -> None:
    model = {"teacher": {"type": "openai", "model": "m"}}
    graph = SkillGraph({"a/b": (), "a/c": (), "d": ()}, {"a/b": "a", "a/c": "a"})
    file = {"type": "file", "path": "g.json"}
    assert lists_asked(config(file), graph) == {}  # an exact teacher reads no prompt
    assert lists_asked(config(file, TABLES, **model), graph) == {}  # labels say what is missing
    by_model = config(file, TABLES, **model, diagnosis={"source": "teacher"})
    assert lists_asked(by_model, graph) == {"a": ("a/b", "a/c")}
    assert lists_asked(by_model, SkillGraph.flat(["d"])) == {"": ("d",)}
    refuse_long_lists({"a": ["a"], "b": []}, 10)
    with pytest.raises(DataError, match=r"graph: its 5000 names are 115000 characters, and a teacher's prompt takes"):
        refuse_long_lists({"a": ["a"], "b": ["x" * 20] * 5_000}, longest_list(by_model))
    assert by_prefix(graph) == {"a": ["a/b", "a/c"], "": ["d"]}
    assert by_prefix(SkillGraph({"b": (), "c/d": ()}, {"b": "a"})) == {"a": ["b"], "c": ["c/d"]}
    own = {"teacher": {"type": "vllm", "model": "m", "max_model_len": 16384}}
    assert longest_list(config(file, TABLES, **own)) == 24576  # three characters a token, and half of the tokens
