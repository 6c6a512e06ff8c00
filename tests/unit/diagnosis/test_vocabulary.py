"""Names to a vocabulary, with a teacher that is a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from skillray.diagnosis.vocabulary import CHUNK, Vocabulary, vocabulary_of
from skillray.teacher.tasks import ClusterSkills, Outcome, Reply, Task

LOST = Reply(outcome=Outcome.FAILED)


def teacher(family: Callable[[str], str | None], seen: list[ClusterSkills]) -> Callable[..., list[Reply]]:
    def ask(task: Task, requests: Sequence[ClusterSkills]) -> list[Reply]:
        assert task is Task.CLUSTER_SKILLS
        seen.extend(requests)
        return [_reply(request) for request in requests]

    def _reply(request: ClusterSkills) -> Reply:
        found: dict[str, list[str]] = {}
        for label in request.labels:
            if (name := family(label)) is not None:
                found.setdefault(name, []).append(label)
        return Reply(outcome=Outcome.OK, value=found) if found else Reply(outcome=Outcome.EMPTY)

    return ask


def test_families_are_the_vocabulary_and_small_ones_are_not() -> None:
    seen: list[ClusterSkills] = []
    counts = {"add_two": 3, "add_three": 1, "primes": 3}
    found = vocabulary_of(counts, "algebra", 7, teacher(lambda label: label.split("_")[0], seen))
    assert found == Vocabulary(("add",), 3, 3 / 7)  # primes has 3 questions: they are relabelled
    assert seen[0] == ClusterSkills(labels=("add_three", "add_two", "primes"), subject="algebra", families=7)


def test_small_families_stay_where_there_are_no_others() -> None:
    assert vocabulary_of({"a": 1, "b": 2}, "", 2, teacher(lambda label: label, [])).skills == ("a", "b")


def test_names_that_were_left_out_are_asked_about_again() -> None:
    seen: list[ClusterSkills] = []
    ask = teacher(lambda label: "odd" if len(seen) > 1 or label == "a" else None, seen)
    assert vocabulary_of({"a": 9, "b": 5, "c": 1}, "", 2, ask) == Vocabulary(("odd",), 3, 0.0)
    assert [request.labels for request in seen] == [("a", "b", "c"), ("b", "c")]


def test_a_few_names_may_be_left_over_and_a_teacher_that_never_answers_ends() -> None:
    seen: list[ClusterSkills] = []
    found = vocabulary_of({"a": 99, "b": 1}, "", 2, teacher(lambda label: "x" if label == "a" else None, seen))
    assert found == Vocabulary(("x",), 2, 0.01) and len(seen) == 1
    assert vocabulary_of({"a": 9}, "", 2, lambda task, requests: [LOST for _ in requests]) == Vocabulary((), 1, 1.0)


@pytest.mark.parametrize("names", [CHUNK + 1, 5 * CHUNK])
def test_many_names_are_clustered_in_steps(names: int) -> None:
    """Each request's families are its own; their families are over all of them."""
    seen: list[ClusterSkills] = []
    labels = {f"n{n:04d}": 1 for n in range(names)}

    def family(label: str) -> str:
        return f"f{int(label[1:]) // 50}" if label[0] == "n" else f"g{int(label[1:]) % 2}"

    assert vocabulary_of(labels, "", 2, teacher(family, seen)) == Vocabulary(("g0", "g1"), names, 0.0)
    assert max(len(request.labels) for request in seen) <= CHUNK


def test_families_that_do_not_shrink_end() -> None:
    labels = {f"n{n}": 5 for n in range(CHUNK + 5)}
    assert len(vocabulary_of(labels, "", 2, teacher(lambda label: label, [])).skills) == CHUNK + 5
