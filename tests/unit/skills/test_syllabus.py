"""Syllabi by hand: what nesting and notes mean."""

from __future__ import annotations

import pytest

from skillray.errors import DataError
from skillray.skills.draft import build_graph
from skillray.skills.syllabus import MAX_LEVELS, from_markdown, from_plain

MARKDOWN = """# Calculus
The *mathematics*
of change.

## 1.1 Limits

- **One-sided** limits: from [the left](x)
- Continuity (requires: one-sided limit)

## Derivatives
requires: Limits; continuity

1. Chain rule
   - Inner function

   The outer one comes later.
2. Product rule
"""
PLAIN = [
    {
        "skill": "Calculus",
        "description": "The mathematics of change.",
        "parts": [
            {
                "skill": "Limits",
                "parts": [
                    {"skill": "One-sided limits", "description": "from the left"},
                    {"skill": "Continuity", "requires": ["one-sided limit"]},
                ],
            },
            {
                "skill": "Derivatives",
                "requires": ["Limits", "continuity"],
                "parts": [
                    {"skill": "Chain rule", "parts": [{"skill": "Inner function"}]},
                    "Product rule",
                ],
            },
        ],
    }
]
NEEDS = {
    "calculus": ("limits", "derivatives"),
    "limits": ("one_sided_limits", "continuity"),
    "one_sided_limits": (),
    "continuity": ("one_sided_limits",),
    "derivatives": ("limits", "continuity", "chain_rule", "product_rule"),
    "chain_rule": ("limits", "continuity", "inner_function"),
    "inner_function": ("limits", "continuity"),
    "product_rule": ("limits", "continuity"),
}
"""A part is a prerequisite of the whole, and what Derivatives requires, its parts require."""


@pytest.mark.parametrize("draft", [from_markdown(MARKDOWN, "s.md"), from_plain(PLAIN, "s.yaml")])
def test_both_forms_say_the_same(draft) -> None:
    assert draft.prerequisites == NEEDS
    assert draft.descriptions["calculus"] == "The mathematics of change."
    assert draft.descriptions["one_sided_limits"] == "from the left"


def test_the_order_is_that_of_the_syllabus_where_nothing_else_decides() -> None:
    graph, notes = build_graph([from_markdown("- c\n- a\n- b (requires: a)\n- d\n", "s.md")])
    assert graph.order() == ("c", "a", "d", "b") and notes == []


def test_a_description_in_a_list_item_is_that_of_its_skill() -> None:
    draft = from_markdown("- sums: add\n\n  two numbers\n- rest\n", "s.md")
    assert draft.descriptions == {"sums": "add two numbers"}


def test_headings_may_skip_levels_and_colons_in_them_stay() -> None:
    draft = from_markdown("Preface, no skill.\n\n# Unit 1: Sums\n#### Carry\n## Digits\n", "s.md")
    assert draft.prerequisites == {"unit_1_sums": ("carry", "digits"), "carry": (), "digits": ()}


def test_what_a_chapter_requires_of_itself_is_not_required_by_all_in_it() -> None:
    draft = from_markdown("# A\nrequires: b\n- b\n- c\n", "s.md")
    assert draft.prerequisites == {"a": ("b", "c"), "b": (), "c": ()}


def test_a_cyclic_syllabus_becomes_units_and_says_so() -> None:
    graph, notes = build_graph(
        [from_markdown("- a (requires: b)\n- b (requires: c)\n- c (requires: a)\n- d\n", "s.md")]
    )
    assert graph.members == {"a+b+c": ("a", "b", "c")} and graph.order() == ("a+b+c", "d")
    assert notes == ["graph: one study unit, for each needs the others: a+b+c (a, b, c)"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# A\n\n- b\n- c (requires: x, b)\n", "s.md line 4: 'c' requires 'x', which is no skill of it"),
        ("- limits\n- slopes\n  requires: limts\n", "s.md line 2: 'slopes' requires 'limts', .*did you mean 'limits'"),
        ("# A\n## !!\n", "s.md line 2: this entry has no name"),
        ("Only words.\n", "s.md: no skill in it"),
        ("", "s.md: no skill in it"),
    ],
)
def test_what_is_wrong_in_markdown_is_said_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        from_markdown(text, "s.md")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([5], "entry 0: must be a name, or a mapping with `skill`; got '5'"),
        (None, "must be a name"),
        ({"parts": ["a"]}, "entry 0: must be a name"),
        (["a", {"skill": "b", "part": []}], "entry 1: unknown field 'part'; known here: skill, description"),
        ([{"skill": "a", "parts": [{"skill": "b", "requires": "c"}]}], "entry 0.parts.0: requires must be a list"),
        ([{"skill": "a", "requires": [5]}], "entry 0: requires must be a list of names"),
        ([{"skill": "a", "description": ["x"]}], "entry 0: description must be a text"),
        ([{"skill": "a", "requires": ["z"]}], "entry 0: 'a' requires 'z'"),
        ([], "no skill in it"),
    ],
)
def test_what_is_wrong_in_yaml_is_said_with_its_place(value: object, problem: str) -> None:
    with pytest.raises(DataError, match=f"^s.yaml.*{problem}"):
        from_plain(value, "s.yaml")


@pytest.mark.parametrize(
    ("text", "prerequisites"),
    [
        ("- Limits\n- Derivatives\n  - requires: limits", {"limits": (), "derivatives": ("limits",)}),
        ("# T\n- requires: x\n- x", {"t": ("x",), "x": ()}),
        # behind a list it is the heading's again, or the item's that the list stands in
        ("## A\n## B\n- c\n\nrequires: a", {"a": (), "b": ("a", "c"), "c": ("a",)}),
        ("- A\n- B\n  - c\n\n  requires: a", {"a": (), "b": ("a", "c"), "c": ("a",)}),
        ("- [x] Done\n- [ ] To do<br>\n- d <!-- e -->", {"done": (), "to_do": (), "d": ()}),
        ("---\ntitle: Mine\ntags:\n  - math\n- more\n---\n# A\n- b", {"a": ("b",), "b": ()}),
        ("---\n# A\n\n---\n# B", {"a": (), "b": ()}),  # rules, and no fields
        ("- List<int>\n- a<b and c>d", {"list_less_int_greater": (), "a_less_b_and_c_greater_d": ()}),
        ("- C\n- C++\n- C#", {"c": (), "c_plus_plus": (), "c_sharp": ()}),
    ],
)
def test_markdown_as_people_write_it(text: str, prerequisites: dict[str, tuple[str, ...]]) -> None:
    for spelled in (text, text.replace("\n", "\r\n")):
        assert dict(from_markdown(spelled, "s").prerequisites) == prerequisites


def test_text_behind_a_list_describes_what_the_list_stands_in() -> None:
    draft = from_markdown("# A\n- b: little\n\n  more\n  - c\n\n  and more\n\nOf a.", "s")
    assert draft.descriptions == {"a": "Of a.", "b": "little more and more"}


def test_lists_are_read_as_deep_as_levels_go_and_refused_beyond() -> None:
    nested = "\n".join("  " * depth + f"- s{depth}" for depth in range(MAX_LEVELS + 1))
    whole = from_markdown(nested.rpartition("\n")[0] + "\n\n# Next\n- after", "s")
    assert len(whole.prerequisites) == MAX_LEVELS + 2
    with pytest.raises(DataError, match=r"^s line 31: lists are nested more than 30 levels deep$"):
        from_markdown(nested, "s")


def test_what_is_required_by_nothing_is_one_line() -> None:
    with pytest.raises(DataError, match=r"^s line 2: stands below no skill that would require it; put it below one$"):
        from_markdown("\n- requires: x\n- x", "s")


@pytest.mark.parametrize("line", ["  - a", "a: b\r", "    x", "- :x"])
def test_a_file_that_only_begins_like_one_with_fields_takes_no_time(line: str) -> None:
    """As many ways to match a line as there are would be a year for forty."""
    text = f"---\ntags:\n{(line + chr(10)) * 40}\n# A\n"
    assert "a" in from_markdown(text, "s").prerequisites
