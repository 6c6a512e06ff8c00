"""Drafts into one graph, by hand: names, likeness, circles."""

from __future__ import annotations

import numpy as np
import pytest

from skillray.errors import DataError
from skillray.skills.draft import MAX_LINES, Draft, Likeness, build_graph, cycles, unit_name
from skillray.skills.names import MAX_NAME


def likeness(angles: dict[str, float], min_cosine: float = 0.9) -> Likeness:
    """Names at angles, in degrees: 20 apart is a cosine of .94, 30 apart one of .87."""

    def embed(texts):
        turns = [np.deg2rad(angles[text.partition(":")[0].replace(" ", "_")]) for text in texts]
        return np.array([[np.cos(turn), np.sin(turn)] for turn in turns], np.float32)

    return Likeness(embed, min_cosine)


def test_two_sources_are_merged_by_name_and_say_it() -> None:
    one = Draft("one", {"fractions": ("sums",), "sums": ()}, {"sums": "adding"})
    two = Draft("two", {"Fraction": ("products",), "products": (), "sum": ()}, {"sum": "other", "Fraction": "parts"})
    graph, notes = build_graph([one, two])
    assert dict(graph.prerequisites) == {"fractions": ("sums", "products"), "sums": (), "products": ()}
    assert graph.descriptions == {"sums": "adding", "fractions": "parts"}  # the first that there is
    assert graph.aliases == {"fractions": ("Fraction",), "sums": ("sum",)}
    assert notes == ["graph: one skill by name: fractions (Fraction)", "graph: one skill by name: sums (sum)"]
    again = Draft("again", graph.prerequisites, graph.descriptions, aliases=graph.aliases)
    assert build_graph([again]) == (graph, [])  # what was merged before is no news


def test_names_of_the_data_win() -> None:
    graph, _ = build_graph([Draft("one", {"Sums": (), "products": ("Sums",)})], known=["sum", "unused"])
    assert dict(graph.prerequisites) == {"sum": (), "products": ("sum",)} and graph.aliases == {"sum": ("Sums",)}


def test_a_skill_that_is_merged_with_its_own_prerequisite_does_not_need_itself() -> None:
    graph, _ = build_graph([Draft("one", {"Limits": ("limit", "a"), "limit": (), "a": ("a",)})])
    assert dict(graph.prerequisites) == {"Limits": ("a",), "a": ()}


def test_alike_skills_are_one_the_most_similar_first() -> None:
    one = Draft("one", {"a": (), "b": (), "c": ("b",), "d": ()})
    graph, notes = build_graph([one], likeness=likeness({"a": 0, "b": 40, "c": 90, "d": 22}))
    assert dict(graph.prerequisites) == {"a": (), "b": (), "c": ("b",)}
    assert graph.aliases == {"b": ("d",)}  # 18 degrees from b, 22 from a
    assert notes == ["graph: one skill by a cosine of at least 0.9: b (d)"]


def test_skills_that_a_source_tells_apart_stay_apart() -> None:
    alike = likeness({"a": 0, "b": 1, "c": 2, "d": 60})
    siblings, needed = Draft("s", {"d": ("a", "b"), "a": (), "b": ()}), Draft("n", {"a": ("c",), "c": ()})
    assert build_graph([siblings], likeness=alike)[0].skills == ("d", "a", "b")
    assert build_graph([needed], likeness=alike)[0].skills == ("a", "c")
    through = Draft("t", {"a": (), "d": ("b", "c"), "b": (), "c": ()})
    assert build_graph([through], likeness=alike)[0].skills == ("a", "d", "c")  # b is a, so c is not
    flat = Draft("f", {"a": (), "b": (), "c": ()})
    assert build_graph([flat], known=["b", "c"], likeness=alike)[0].skills == ("b", "c")  # the data has both
    assert build_graph([flat], known=["c"], likeness=alike)[0].skills == ("c",)


def test_likeness_does_not_drift_along_a_chain() -> None:
    graph, _ = build_graph([Draft("one", {"a": (), "b": (), "c": ()})], likeness=likeness({"a": 0, "b": 20, "c": 40}))
    assert graph.skills == ("a", "c")  # c is like b, which is a by now, and not like a


def test_circles_become_units_with_all_that_leads_in_and_out() -> None:
    draft = Draft("one", {"z": ("b",), "b": ("a", "x"), "a": ("b", "y"), "x": (), "y": (), "p": ("q",), "q": ("p",)})
    graph, notes = build_graph([draft])
    assert dict(graph.prerequisites) == {"z": ("a+b",), "a+b": ("x", "y"), "x": (), "y": (), "p+q": ()}
    assert graph.members == {"a+b": ("a", "b"), "p+q": ("p", "q")}
    assert graph.order() == ("x", "y", "p+q", "a+b", "z") and len(notes) == 2


def test_a_unit_in_a_circle_gives_its_members_to_the_new_one() -> None:
    draft = Draft("one", {"a+b": ("c",), "c": ("a+b",)}, members={"a+b": ("a", "b")})
    graph, notes = build_graph([draft])
    assert graph.members == {"a+b+c": ("a", "b", "c")} and len(notes) == 1
    again, silent = build_graph([Draft("two", graph.prerequisites, members=graph.members)])
    assert again.members == graph.members and silent == []  # a unit that was there is no news


def test_the_name_of_a_unit_is_a_function_of_its_members() -> None:
    assert unit_name(["a", "b"]) == "a+b" and unit_name(["a", "b"], taken={"a+b"}) == "a+b+"
    names = [f"skill_number_{n:02d}" for n in range(30)]
    long = unit_name(names)
    assert long == "skill_number_00+skill_number_01+skill_number_02+skill_number_03+26_more" and len(long) <= MAX_NAME
    forward = {a: (b,) for a, b in zip(names, names[1:] + names[:1], strict=True)}
    backward = {a: forward[a] for a in reversed(names)}
    assert cycles(forward) == cycles(backward) == [tuple(names)]


def test_notes_are_few_and_count_the_rest() -> None:
    names = {name: () for n in range(MAX_LINES + 5) for name in (f"s{n}", f"S{n}")}
    graph, notes = build_graph([Draft("one", names)])
    assert len(graph.skills) == len(graph.aliases) == MAX_LINES + 5
    assert len(notes) == MAX_LINES + 1 and notes[-1] == "graph: one skill by name: 5 more"


def test_what_cannot_be_a_graph() -> None:
    with pytest.raises(DataError, match="one: 'a' builds on 'z', which is no skill of it"):
        build_graph([Draft("one", {"a": ("z",)})])
    with pytest.raises(DataError, match="one: it has no skills"):
        build_graph([Draft("one", {})])
