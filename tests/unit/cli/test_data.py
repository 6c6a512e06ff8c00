"""`skillray data check`: what would be read of a table, and what a run would refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.cli.main import main


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    with pytest.raises(SystemExit) as ended:
        main(["data", "check", *words])
    out, err = capsys.readouterr()
    assert err.count("\n") == (1 if ended.value.code else 0)
    return int(ended.value.code or 0), out.splitlines(), err


def write(path: Path, *rows: dict | str) -> str:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(path)


def test_what_would_be_read(tmp_path, capsys) -> None:
    rows = [{"question": f"q{n}", "answer": n, "skills": ["b", "a"][: n % 3], "note": {"x": 1}} for n in range(4)]
    path = write(tmp_path / "t.jsonl", *rows, rows[1] | {"answer": 5, "solution": "1 + 4 = 5"})
    assert check(capsys, path) == (
        0,
        [
            f"{path}: 5 rows in 1 file",
            "columns read: question (5), answer (5), solution (1), skills (5)",
            "not read: note",
            "questions: 4 different, 1 again",
            "answers: 5 of 5; solutions: 1; skills: 2 different",
            *("sample 1", "  question: q0", "  answer:   0"),
            *("sample 2", "  question: q1", "  answer:   1", "  skills:   b"),
            *("sample 3", "  question: q2", "  answer:   2", "  skills:   b, a"),
        ],
        "",
    )


def test_what_a_run_would_refuse_is_counted_by_its_reason(tmp_path, capsys) -> None:
    good = {"question_id": "1", "question": "q", "answer": "1"}
    path = write(
        tmp_path / "t.jsonl",
        good,
        {"question": "r", "answer": ""},
        "",
        {"question": "s"},
        {"question": "t", "answer": True},
        {"question": "u", "answer": "1", "level": 300},
        {"question": None, "answer": "1"},
        good | {"question": "v"},
    )
    code, out, err = check(capsys, path)
    assert code == 2 and err.startswith(f"skillray: {path}: a run would refuse 6 of 7 rows; correct them")
    assert [line for line in out if line.startswith("refused")] == [
        f"refused: 2: answer is empty; fill it or remove the row (first: {path} line 2)",
        f"refused: 1: column 'answer' must hold texts or numbers, not true or false; convert it (first: {path} line 5)",
        f"refused: 1: level must be 1 (easy) to 127; got 300 (first: {path} line 6)",
        f"refused: 1: question is null; fill it or remove the row (first: {path} line 7)",
        f"refused: 1: question_id stands in an earlier row too, as '1' of {path} line 1; remove one "
        f"(first: {path} line 8)",
    ]


def test_of_chats_it_says_what_is_not_read(tmp_path, capsys) -> None:
    turns = [{"role": role, "content": text} for role, text in (("user", "1 + 1?"), ("assistant", "\\boxed{2}"))]
    rows = [{"messages": turns}, {"messages": [{"role": "system", "content": "x"}, *turns, *turns]}]
    code, out, _ = check(capsys, write(tmp_path / "t.jsonl", *rows))
    assert code == 0 and "answers: 2 of 2; solutions: 2; skills: 0 different" in out
    assert out[5:7] == ["not read of chats: system prompts of 1 rows", "not read of chats: later turns of 1 rows"]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("none.jsonl", None, "none.jsonl: no such file"),
        ("t.jsonl", "", "t.jsonl: has no rows"),
        ("t.jsonl", '{"question": "a"', "t.jsonl line 1: is no JSON"),
        ("t.jsonl", '{"text": "a"}', "column 'question' is missing; it has text"),
        ("t.txt", "a", "its name must end in .parquet, .jsonl"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path, capsys, name, content, problem) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    code, _, err = check(capsys, str(tmp_path / name))
    assert code == 2 and problem in err


def test_parquet_files_too(tmp_path, capsys) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"question": ["a", "b"], "answer": [0.5, math.nan]}), path)
    code, out, _ = check(capsys, str(path))
    assert code == 2 and f"refused: 1: answer is empty; fill it or remove the row (first: {path} row 1)" in out
    pq.write_table(pa.table({"question": ["a"], "answer": ["1"], "level": [0.5]}), path)
    code, _, err = check(capsys, str(path))
    assert code == 2 and "column 'level' must hold whole numbers, not double" in err
    path.write_bytes(path.read_bytes()[:-9])
    assert "t.parquet: cannot be read" in check(capsys, str(path))[2]
