"""A topic taken apart, by hand: levels, limits, what replies may name; and arithmetic, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from skillray.domains import DOMAINS
from skillray.errors import DataError, StageError
from skillray.skills.draft import build_graph
from skillray.teacher.decompose import MAX_KNOWN, Limits, decompose
from skillray.teacher.domain_teacher import DomainTeacher
from skillray.teacher.tasks import Decompose, Outcome, Reply, Task

WIDE = Limits(depth=9, breadth=9, max_calls=99)


class Teacher:
    """Says what `parts` has, or the outcome that stands there; EMPTY for skills that are not in it."""

    def __init__(self, parts: dict[str, Sequence[str] | Outcome]) -> None:
        self.parts = parts
        self.levels: list[list[Decompose]] = []

    def __call__(self, task: Task, requests: Sequence[Decompose]) -> list[Reply]:
        assert task is Task.DECOMPOSE
        self.levels.append(list(requests))
        return [self.reply(request.skill) for request in requests]

    def reply(self, skill: str) -> Reply:
        parts = self.parts.get(skill, ())
        if isinstance(parts, Outcome):
            return Reply(outcome=parts)
        value = [{"name": name, "description": f"about {name}"} for name in parts]
        return Reply(outcome=Outcome.OK, value=value) if value else Reply(outcome=Outcome.EMPTY)

    def asked(self) -> list[list[str]]:
        return [[request.skill for request in level] for level in self.levels]


def test_breadth_first_and_nothing_twice() -> None:
    teacher = Teacher({"top": ["a", "b"], "a": ["c", "d"], "b": ["D", "e"], "c": ["e"]})
    draft, notes = decompose("Top", WIDE, teacher)
    assert teacher.asked() == [["top"], ["a", "b"], ["c", "d", "e"]]
    assert draft.prerequisites == {
        "top": ("a", "b"), "a": ("c", "d"), "b": ("d", "e"), "c": ("e",), "d": (), "e": (),
    }  # fmt: skip
    assert draft.descriptions["e"] == "about e"
    assert notes == ["graph: the teacher was asked about 6 skills (2 empty, 4 ok) and named 6"]


def test_a_request_says_where_its_skill_stands_and_what_has_a_name() -> None:
    teacher = Teacher({"top": ["a", "b"], "a": ["c"]})
    decompose("top", Limits(3, 4, 99), teacher, known=["sums"])
    assert teacher.levels[0] == [Decompose(skill="top", path=(), breadth=4, known=("sums",))]
    assert teacher.levels[1][0] == Decompose(skill="a", path=("top",), breadth=4, known=("b", "sums"))
    assert teacher.levels[2] == [Decompose(skill="c", path=("top", "a"), breadth=4, known=("sums", "b"))]


def test_all_of_a_level_are_shown_the_same_names_and_not_too_many() -> None:
    many = [f"s{n}" for n in range(3 * MAX_KNOWN)]
    teacher = Teacher({"top": ["a", "b"], "a": ["x"], "b": ["y"]})
    decompose("top", WIDE, teacher, known=many)
    assert [len(request.known) for level in teacher.levels for request in level] == [MAX_KNOWN] * 5
    assert "x" not in teacher.levels[1][1].known  # b does not know what a's reply is


def test_names_that_are_known_are_used() -> None:
    draft, _ = decompose("top", WIDE, Teacher({"top": ["Sum", "other"]}), known=["sums"])
    assert draft.prerequisites["top"] == ("sums", "other")


def test_depth_and_calls_end_it_and_are_said() -> None:
    parts = {"top": ["a", "b", "c"], "a": ["d"], "b": ["e"]}
    draft, notes = decompose("top", Limits(1, 9, 99), Teacher(parts))
    assert set(draft.prerequisites) == {"top", "a", "b", "c"}
    assert notes[1:] == ["graph: depth 1 is reached: 3 skills were not taken apart (a, b, c)"]
    teacher = Teacher(parts)
    draft, notes = decompose("top", Limits(9, 9, 3), teacher)
    assert teacher.asked() == [["top"], ["a", "b"]]
    assert notes[1:] == ["graph: max_calls 3 is reached: 3 skills were not taken apart (c, d, e)"]
    teacher = Teacher(parts)
    _, notes = decompose("top", Limits(9, 9, 4), teacher)
    assert teacher.asked() == [["top"], ["a", "b", "c"]]
    assert notes[1:] == ["graph: max_calls 4 is reached: 2 skills were not taken apart (d, e)"]


def test_breadth_is_kept_and_said() -> None:
    draft, notes = decompose("top", Limits(9, 2, 99), Teacher({"top": ["a", "b", "c"], "a": ["d"]}))
    assert draft.prerequisites["top"] == ("a", "b")
    assert notes[1:] == ["graph: 1 replies have 2 sub-skills, all that breadth allows"]


def test_what_stands_above_is_no_part_and_is_counted() -> None:
    draft, notes = decompose("top", WIDE, Teacher({"top": ["a"], "a": ["Top", "b"], "b": ["b", "a"]}))
    assert draft.prerequisites == {"top": ("a",), "a": ("b",), "b": ()}
    assert notes[1:] == ["graph: 3 names of the skill itself or one above it were left out of replies"]


def test_branches_that_need_each_other_are_a_circle_which_becomes_a_unit() -> None:
    draft, _ = decompose("top", WIDE, Teacher({"top": ["a", "b"], "a": ["b"], "b": ["a"]}))
    graph, notes = build_graph([draft])
    assert graph.members == {"a+b": ("a", "b")} and graph.order() == ("a+b", "top")
    assert notes == ["graph: one study unit, for each needs the others: a+b (a, b)"]


def test_every_outcome_is_counted() -> None:
    parts = {"top": ["a", "b", "c", "d"], "a": Outcome.FAILED, "b": Outcome.MALFORMED, "c": Outcome.REFUSED}
    draft, notes = decompose("top", WIDE, Teacher(parts))
    assert notes == [
        "graph: the teacher was asked about 5 skills (1 empty, 1 failed, 1 malformed, 1 ok, 1 refused) and named 5"
    ]
    assert draft.prerequisites["a"] == ()


@pytest.mark.parametrize("outcome", [Outcome.EMPTY, Outcome.FAILED, Outcome.UNKNOWN_SKILL])
def test_a_topic_that_nothing_is_made_of_is_one_line(outcome: Outcome) -> None:
    with pytest.raises(
        DataError, match=f"graph.topic: the teacher named nothing that 'x y' is made of \\({outcome}\\)"
    ):
        decompose("x y", WIDE, Teacher({"x_y": outcome}))


def test_a_teacher_that_cannot_do_it_is_said() -> None:
    with pytest.raises(StageError, match="this teacher cannot take skills apart"):
        decompose("top", WIDE, Teacher({"top": Outcome.UNSUPPORTED}))


def test_arithmetic_is_taken_apart_into_the_domains_own_graph() -> None:
    domain = DOMAINS["arithmetic"]
    draft, _ = decompose("arithmetic", Limits(9, 40, 99), DomainTeacher(domain).ask, domain.skills_of())
    found = dict(draft.prerequisites)
    assert set(found.pop("arithmetic")) == {s for s in found if s not in {need for need, _ in domain.graph.edges()}}
    assert found == dict(domain.graph.prerequisites)


def test_one_skill_of_arithmetic_has_what_it_builds_on_below_it() -> None:
    draft, _ = decompose("Percentages", WIDE, DomainTeacher(DOMAINS["arithmetic"]).ask, ["percentage"])
    assert set(draft.prerequisites) == {
        "percentage", "fraction_of_a_number", "exact_division", "single_digit_multiplication", "addition_without_carry",
    }  # fmt: skip
