"""A skill has one name in pool, probe set and labels, however each of them writes it."""

from __future__ import annotations

import json

from skillray.config.model import QuestionSource, TableData
from skillray.loop.questions import from_tables
from skillray.loop.spelling import one_spelling


def rows(first: int, count: int, **more: object) -> list[dict]:
    return [{"question": f"q{n}", "answer": "1"} | more for n in range(first, first + count)]


def made(tmp_path, told: list[str] | None = None, **files: list[dict]):
    for name, content in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    sources = {name: QuestionSource(path=str(tmp_path / f"{name}.jsonl")) for name in files}
    return from_tables(TableData(**sources), (told if told is not None else []).append)


def test_the_most_frequent_spelling_is_the_name() -> None:
    names = ["Solving Equations", "solving_equations", "Solving Equations", "solving-equation", "sums"]
    assert one_spelling(names) == dict.fromkeys(names[:4], "Solving Equations") | {"sums": "sums"}
    assert one_spelling(["Sums", "sums"]) == {"Sums": "sums", "sums": "sums"}  # as our own are written
    assert one_spelling(["SUMS", "Sums"]) == {"Sums": "SUMS", "SUMS": "SUMS"}  # neither is: the first in order
    assert one_spelling(["C", "C++", "x^2", "x^-2", "+", "×"]) == {n: n for n in ("C", "C++", "x^2", "x^-2", "+", "×")}


def test_pool_probe_and_labels_name_one_skill(tmp_path) -> None:
    told: list[str] = []
    splits, graph = made(
        tmp_path,
        told,
        pool=rows(0, 5, skills=["Solving Equations", "solving_equations"]),
        probe=[*rows(5, 20, skills=["solving_equations"]), *rows(25, 20)],
        labels=[{"question": f"q{n}", "skills": " solving  equations "} for n in range(25, 45)],
    )
    assert graph.skills == ("solving_equations",)
    assert {tuple(row["skills"]) for table in splits.values() for row in table.to_pylist()} == {("solving_equations",)}
    assert told == [
        "data: 2 other spellings of skills were made one (Solving Equations is solving_equations, solving equations is "
        "solving_equations)"
    ]


def test_subjects_too_and_no_skill_is_named_after_its_subject_twice(tmp_path) -> None:
    splits, graph = made(
        tmp_path,
        pool=rows(0, 3, skills=["Number Theory/primes"], subject="number theory") + rows(3, 3, skills="x", subject="B"),
        probe=rows(6, 40, skills=["Primes"], subject="Number Theory"),
    )
    assert set(graph.skills) == {"Number Theory/Primes", "B/x"}
    assert splits["pool"]["subject"].to_pylist() == ["Number Theory"] * 3 + ["B"] * 3


def test_names_that_agree_stay_as_they_are(tmp_path) -> None:
    told: list[str] = []
    _, graph = made(tmp_path, told, pool=rows(0, 3, skills=["A Skill", "b"]), probe=rows(3, 40, skills=["A Skill"]))
    assert graph.skills == ("A Skill", "b") and told == []
