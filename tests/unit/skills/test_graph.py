"""The skill graph by hand."""

from __future__ import annotations

import pytest

from skillray.errors import DataError
from skillray.skills.graph import SkillGraph

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
