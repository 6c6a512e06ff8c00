"""JSON tables: every valid file is read as it is written, and what is wrong is one line with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skillray.config.model import QuestionSource, TextSource
from skillray.errors import DataError
from skillray.loop.questions import read_source, recorded_answers
from skillray.loop.replay import read_texts
from skillray.loop.sources import num_rows

ROW = {"question": "a", "answer": "1"}


def read(path: Path, content: str | bytes) -> list[dict]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = read_source(QuestionSource(path=str(path)))
    assert num_rows(QuestionSource(path=str(path))) == len(rows)
    return rows


def lines(*rows: dict | str) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def answers(path: Path, *written: str) -> list[str | None]:
    content = "".join(f'{{"question": "q{n}", "answer": {text}}}\n' for n, text in enumerate(written))
    return [row["answer"] for row in read(path, content)]


@pytest.mark.parametrize("megabytes", [1, 2, 5])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("column", ["solution", "image"])
def test_a_line_may_have_any_length(tmp_path: Path, megabytes: int, place: int, column: str) -> None:
    rows: list[dict] = [ROW | {"question": f"q{n}"} for n in range(3)]
    rows[place] |= {column: "x" * (megabytes * 2**20)}
    found = read(tmp_path / "long.jsonl", lines(*rows))
    assert [row["question"] for row in found] == ["q0", "q1", "q2"]
    if column == "solution":
        assert len(found[place]["solution"]) == megabytes * 2**20


def test_so_may_recorded_answers_and_texts_to_replay(tmp_path: Path) -> None:
    long, path = "x" * (3 * 2**20), tmp_path / "t.jsonl"
    path.write_text(lines({"question_id": 1, "student": "s", "sample": 0, "response": long, "text": long}))
    assert recorded_answers(str(path))["response"].to_pylist() == [long]
    assert read_texts(TextSource(path=str(path)))["text"].to_pylist() == [long]


DATE = "2024-02-29"


def test_a_text_that_looks_like_a_date_is_a_text(tmp_path: Path) -> None:
    row = dict.fromkeys(("question", "answer", "solution", "subject", "skills", "question_id"), DATE)
    (found,) = read(tmp_path / "d.jsonl", lines(row))
    assert {name: found[name] for name in row} == row | {"skills": [DATE]}
    for text in ("2024-02-29 12:00:00", "2024-02-29T12:00:00Z", "12:30", "2024"):
        assert answers(tmp_path / "d.jsonl", json.dumps(text)) == [text]
    path = tmp_path / "recorded.jsonl"
    path.write_text(lines({"question_id": DATE, "student": DATE, "sample": 0, "response": DATE}))
    assert recorded_answers(str(path)).to_pylist() == [
        {"question_id": DATE, "student": DATE, "sample": 0, "response": DATE}
    ]


def test_a_number_is_what_is_written_whatever_stands_beside_it(tmp_path: Path) -> None:
    """As doubles, the first four would be 1e+16, 0.5, 9007199254740992.0 and 1.8446744073709552e+19."""
    written = ["10000000000000000", "0.5", "9007199254740993", "18446744073709551617", "1e-05", "0.50", "-0", '"x"']
    assert answers(tmp_path / "n.jsonl", *written) == [*written[:-1], "x"]
    assert answers(tmp_path / "n.jsonl", "NaN", "null", "1", "Infinity", "9" * 5000) == [
        None,
        None,
        "1",
        "Infinity",
        "9" * 5000,
    ]


def test_ids_and_levels_are_whole_numbers_also_beside_gaps(tmp_path: Path) -> None:
    rows = [ROW | {"question_id": 7, "level": 3.0}, ROW | {"question_id": "8", "level": None}, ROW | {"question_id": 9}]
    found = read(tmp_path / "i.jsonl", lines(*rows))
    assert [(row["question_id"], row["level"]) for row in found] == [("7", 3), ("8", None), ("9", None)]


def test_columns_that_nobody_reads_may_hold_anything(tmp_path: Path) -> None:
    others = [1, "x", [1, {"a": None}], {"a": {"b": [2**70]}}, None, True, "\ud800"]
    found = read(tmp_path / "o.jsonl", lines(*(ROW | {"other": other} for other in others)))
    assert len(found) == 7 and all("other" not in row for row in found)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + lines(ROW, ROW).encode(),
        lines(ROW, ROW).replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + lines(ROW, "", "  \t", ROW).replace("\n", "\r\n").encode(),
        lines(ROW, ROW).strip().encode(),
        lines(ROW, ROW | {"question": "a"}, '{"question": "b", "answer": "1", "answer": "1"}').encode(),
    ],
    ids=["byte order mark", "CRLF", "both, and empty lines", "no end of the last line", "a column twice alike"],
)
def test_what_editors_make_of_a_file_is_no_part_of_it(tmp_path: Path, content: bytes) -> None:
    assert [row["answer"] for row in read(tmp_path / "t.jsonl", content)][:2] == ["1", "1"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_json_file_may_be_one_list(tmp_path: Path, indent: int | None, mark: bytes) -> None:
    rows = [ROW | {"question": f"q{n}", "more": [n]} for n in range(3)]
    found = read(tmp_path / "t.json", mark + json.dumps(rows, indent=indent).encode())
    assert [row["question"] for row in found] == ["q0", "q1", "q2"]
    assert len(read(tmp_path / "lines.json", mark + lines(*rows).encode())) == 3


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('[\n{"question": "a"},\n{"question" 1}]', r"t\.json line 3: is no JSON \(Expecting ':' delimiter at"),
        ('[{"question": "a"},\n]', r"t\.json line 2: is no JSON \(Expecting value"),
        ('[{"question": "a"},\n1]', r"t\.json line 2: is no object"),
        ('[{"question": "a"}]\n{"question": "b"}', r"t\.json line 1: something follows the list"),
        ("[]", r"t\.json: has no rows"),
        ('{\n"question": "a"\n}', r"t\.json line 1: is no JSON"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_with_its_line(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read(tmp_path / "t.json", content)


def test_half_of_a_surrogate_pair_is_read_as_no_character(tmp_path: Path) -> None:
    """A text that was cut within an emoji; U+FFFD is what every writer of UTF-8 makes of it."""
    assert answers(tmp_path / "s.jsonl", r'"cut \ud83d"', r'"whole \ud83d\ude00"') == [
        "cut \N{REPLACEMENT CHARACTER}",
        "whole 😀",
    ]


def test_columns_that_only_some_rows_have_are_null_elsewhere(tmp_path: Path) -> None:
    found = read(tmp_path / "t.jsonl", lines(ROW, ROW | {"solution": "s"}, ROW | {"skills": "one"}))
    assert [(row["solution"], row["skills"]) for row in found] == [(None, None), ("s", None), (None, ["one"])]
