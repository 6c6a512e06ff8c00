"""The graph as JSON: there and back, and what is refused."""

from __future__ import annotations

import json

import pytest

from skillray.errors import DataError
from skillray.skills.graph import SkillGraph
from skillray.skills.graph_json import draft_from_text, graph_from_json, graph_json

GRAPH = SkillGraph(
    {"a+b": ("c",), "c": (), "d": ("a+b", "c")},
    {"c": "algebra"},
    {"a+b": ("a", "b")},
    {"a": "first", "d": "last"},
    {"d": ("D",)},
)
RIGHT = graph_json(GRAPH)


def test_there_and_back_nothing_is_lost() -> None:
    assert graph_from_json(json.loads(json.dumps(RIGHT))) == GRAPH
    assert graph_json(graph_from_json(RIGHT)) == RIGHT and RIGHT["version"] == 1


def test_what_is_left_out_is_empty() -> None:
    assert graph_from_json({"skills": ["a", "b"], "prerequisites": {"b": ["a"]}}) == SkillGraph({"a": (), "b": ("a",)})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 2}, "has version 2, and this skillray reads 1"),
        ({"skills": "a"}, "skills must be a list of names"),
        ({"skills": ["c", ""]}, "skills must be a list of names"),
        ({"skills": ["c", "c"]}, "skills: 'c' stands twice"),
        ({"skills": ["c"]}, "prerequisites: 'a.b' is not among skills"),
        ({"prerequisites": {"d": ["z"]}}, "'d' builds on 'z', which is no skill of it"),
        ({"prerequisites": {"d": "c"}}, "prerequisites must be an object of skill to a list of names"),
        ({"prerequisites": {"d": ["c"], "c": ["d"]}}, "it must have no cycle"),
        ({"descriptions": {"c": 5}}, "descriptions must be an object of skill to a text"),
        ({"members": ["a"]}, "members must be an object"),
        ({"edges": []}, "unknown field 'edges'; known here"),
    ],
)
def test_what_is_no_graph_is_one_line(change: dict, problem: str) -> None:
    with pytest.raises(DataError, match=problem) as caught:
        graph_from_json(RIGHT | change, "g.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1", "5", "[]", "{}", "[" * 100_000])
def test_what_is_no_json_or_no_object_neither(text: str) -> None:
    with pytest.raises(DataError, match=r"g\.json: is no"):
        draft_from_text(text, "g.json")
