"""The skill graph by hand."""

from __future__ import annotations

import pytest

from skillray.errors import DataError
from skillray.skills.graph import SkillGraph, bare, in_subject

GRAPH = SkillGraph({"equations": ("sums", "products"), "sums": (), "products": ("sums",), "logic": ()})


def test_order_and_depth():
    assert GRAPH.order() == ("sums", "logic", "products", "equations")
    assert GRAPH.depth() == {"sums": 0, "logic": 0, "products": 1, "equations": 2}
    assert ("sums", "equations") in GRAPH.edges()


def test_cycles_and_unknown_skills_are_refused():
    with pytest.raises(DataError, match="no cycle"):
        SkillGraph({"a": ("b",), "b": ("a",)})
    with pytest.raises(DataError, match="'z', which is not a skill"):
        SkillGraph({"a": ("z",)})


def test_flat_has_no_edges():
    assert SkillGraph.flat(["b", "a"]).edges() == []
    assert SkillGraph.flat(["b", "a"]).skills == ("b", "a")


def test_a_question_may_only_be_labelled_with_skills_of_its_subject():
    names = ["algebra/equations", "number theory/equations", "algebra/functions"]
    graph = SkillGraph.flat(names, {name: name.split("/")[0] for name in names})
    assert graph.allowed("algebra") == ("algebra/equations", "algebra/functions")
    assert graph.allowed("number theory") == ("number theory/equations",)
    assert graph.allowed("geometry") == ()
    assert GRAPH.allowed("whatever") == GRAPH.skills  # one list for all


def test_names_in_subjects():
    assert in_subject("equations", "algebra") == "algebra/equations"
    assert bare("algebra/equations", "algebra") == "equations" and bare("equations", "algebra") == "equations"
