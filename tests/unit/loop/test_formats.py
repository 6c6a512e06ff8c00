"""Data as people have it: chats, instructions, CSV, compressed files and folders of shards are the same questions."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.config.model import QuestionSource, TextSource
from skillray.errors import DataError
from skillray.loop.replay import check_texts, read_texts
from skillray.loop.sources import check_source, num_rows, read_source

ASKED, SOLVED = "What is 17 + 25?", "17 + 25 = 42, so \\boxed{42}"
USER, ASSISTANT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": SOLVED}
HUMAN, GPT = {"from": "human", "value": ASKED}, {"from": "gpt", "value": SOLVED}
SHAPES: dict[str, dict[str, Any]] = {
    "messages": {"messages": [USER, ASSISTANT]},
    "with a system prompt": {"messages": [{"role": "system", "content": "Be brief."}, USER, ASSISTANT]},
    "in parts": {
        "messages": [
            {"role": role, "content": [{"type": "text", "text": text}]}
            for role, text in (("user", ASKED), ("assistant", SOLVED))
        ]
    },
    "later turns": {"messages": [USER, ASSISTANT, {"role": "user", "content": "Sure?"}, ASSISTANT]},
    "beginning with a greeting": {"conversations": [{"from": "gpt", "value": "Hello!"}, HUMAN, GPT]},
    "ShareGPT": {"conversations": [HUMAN, GPT], "id": "x"},
    "ShareGPT with roles": {"conversations": [USER, ASSISTANT]},
    "Alpaca": {"instruction": ASKED, "input": "", "output": SOLVED},
    "MATH": {"problem": ASKED, "solution": SOLVED, "level": "Level 3", "type": "Algebra"},
}


def read(path: Path, **more: Any) -> list[dict]:
    source = QuestionSource(path=str(path), **more)
    rows = read_source(source)
    check_source(source)
    assert num_rows(source) == len(rows)
    return rows


def write(path: Path, rows: list[dict]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet", "t.jsonl.gz"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_the_same_question(tmp_path: Path, shape: str, name: str) -> None:
    (row,) = read(write(tmp_path / name, [SHAPES[shape]]))
    assert (row["question"], row["solution"], row["answer"]) == (ASKED, SOLVED, "42")


def test_the_input_of_an_instruction_is_part_of_the_question(tmp_path: Path) -> None:
    row = {"instruction": "Add them.", "input": "17, 25", "output": "42", "answer": 42}
    (found,) = read(write(tmp_path / "t.jsonl", [row]))
    assert (found["question"], found["answer"], found["solution"]) == ("Add them.\n\n17, 25", "42", "42")


def test_our_own_columns_come_first(tmp_path: Path) -> None:
    (row,) = read(write(tmp_path / "t.jsonl", [{"question": "q", "answer": "1", "messages": 3, "instruction": []}]))
    assert (row["question"], row["answer"]) == ("q", "1")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"messages": [ASSISTANT]}, "line 1: no turn of the chat is a user's"),
        ({"messages": []}, "line 1: no turn of the chat is a user's"),
        ({"messages": ASKED}, "line 1: messages must hold a list of turns"),
        ({"messages": [ASKED]}, "line 1: messages must hold turns with role and content, or from and value"),
        ({"messages": [USER | {"content": 3}]}, "line 1: messages holds a turn of user whose content is no text"),
        ({"conversations": [USER | {"content": [{"type": "image"}]}]}, "holds a turn with image in it"),
        ({"instruction": 3, "output": "x"}, "line 1: instruction and input must hold text"),
        ({"instruction": "", "output": "x"}, "row 0: question is null"),
    ],
)
def test_a_chat_that_is_none_is_one_line(tmp_path: Path, row: dict, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path / "t.jsonl", [row]))
    assert problem in str(caught.value) and str(tmp_path / "t.jsonl") in str(caught.value)


ROWS = [
    {"question_id": "1", "question": "a, b;\nc?", "answer": "1e-05", "skills": ["x", "y"], "level": "3"},
    {"question_id": "2", "question": "ü", "answer": "2024-02-29", "skills": ["x"], "level": ""},
]


def as_csv(apart: str, mark: bytes = b"", end: str = "\r\n") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=apart, lineterminator=end)
    writer.writerow(ROWS[0])
    for row in ROWS:
        writer.writerow([json.dumps(value) if isinstance(value, list) else value for value in row.values()])
    return mark + text.getvalue().encode()


@pytest.mark.parametrize("content", [as_csv(","), as_csv(";"), as_csv("\t", b"\xef\xbb\xbf"), as_csv(",", end="\n")])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_csv_file_is_texts_and_lists(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    first, second = read(tmp_path / name)
    assert (first["question"], first["answer"], first["skills"], first["level"]) == (
        "a, b;\nc?",
        "1e-05",
        ["x", "y"],
        3,
    )
    assert (second["question"], second["answer"], second["level"]) == ("ü", "2024-02-29", None)
    (tmp_path / "one.csv").write_text("question,answer,skills\nq,1,sum\n")
    assert read(tmp_path / "one.csv")[0]["skills"] == ["sum"]


def test_a_csv_value_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"question,answer,solution\nq,1,{'x' * 2**21}\n")
    assert len(read(tmp_path / "t.csv")[0]["solution"]) == 2**21


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"question,answer\nq,1\nr,2,3\n",
            r"t\.csv line 3: has 3 values for 2 columns; put those with a ',' in quotes",
        ),
        (b'question,answer\nq,"1\n', r"t\.csv line \d: is no CSV \(unexpected end of data\); correct the quotes"),
        ("question,answer\nä,1\n".encode("latin-1"), r"t\.csv: is no UTF-8 text; save it as CSV UTF-8"),
        (b"question,answer\n", r"t\.csv: has no rows"),
        (b"", r"t\.csv: has no rows"),
        (b"question,answer,level\nq,1,high\n", r"line 2: column 'level' must hold whole numbers, not a text"),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_said_with_its_line(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=problem):
        read(tmp_path / "t.csv")


def test_a_compressed_file_that_was_cut_off_is_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "t.jsonl.gz", [{"question": f"q{n}", "answer": "1"} for n in range(9999)]).read_bytes()
    for content in (whole[: len(whole) // 2], b"no gzip", whole[:200] + b"x" * 99):
        (tmp_path / "t.jsonl.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"t\.jsonl\.gz: cannot be read \(.*\); restore it"):
            read(tmp_path / "t.jsonl.gz")


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "jsonl.gz"])
def test_a_folder_of_shards_is_one_table(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "shards [v1].parquet"
    folder.mkdir()
    for shard in range(3):
        rows = [{"question_id": str(shard * 2 + n), "question": f"q{shard * 2 + n}", "answer": "1"} for n in range(2)]
        write(folder / f"part-{shard:05d}.{ending}", rows)
    for other in ("_SUCCESS", ".part-00000.crc", "README.md", f"_part.{ending}"):
        (folder / other).write_text("")
    assert [row["question"] for row in read(folder)] == [f"q{n}" for n in range(6)]
    source = TextSource(path=str(folder), column="question")
    check_texts(source)
    assert read_texts(source).num_rows == 6
    write(folder / f"part-00003.{ending}", [{"question_id": "0", "question": "again", "answer": "1"}])
    with pytest.raises(DataError, match=r"part-00003.* row 0: question_id '0' stands in .*part-00000.* row 0 too"):
        read_source(QuestionSource(path=str(folder)))


def test_a_folder_of_several_splits_or_kinds_is_not_one_table(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / f"{split}-00000-of-00001.parquet", [{"question": split, "answer": "1"}])
    with pytest.raises(DataError, match=r"several splits \('test', 'train'\); give its `split`"):
        read(tmp_path)
    assert [row["question"] for row in read(tmp_path, split="test")] == ["test"]
    with pytest.raises(DataError, match="without a table of split 'dev'"):
        read(tmp_path, split="dev")
    write(tmp_path / "train-1.jsonl", [{"question": "q", "answer": "1"}])
    with pytest.raises(DataError, match=r"several kinds of files \('.jsonl', '.parquet'\)"):
        read(tmp_path, split="train")
    with pytest.raises(DataError, match="is no Hugging Face data set, and has no revision 'v1'"):
        read(tmp_path, split="test", revision="v1")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache with one data set at tag v1 and in the hub's own Parquet files; nothing is downloaded."""
    folder = tmp_path / "cache [v1]"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    home = folder / "datasets--some--set"
    for revision, commit in (("v1", "a" * 40), ("refs/convert/parquet", "b" * 40)):
        (home / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
        (home / "refs" / revision).write_text(commit)
    files = {
        "a" * 40: ["main/train-00000-of-00001.parquet", "main/test-00000-of-00001.parquet", "other/train-0.parquet"],
        "b" * 40: ["main/train/0000.parquet", "main/test/0000.parquet"],
    }
    for commit, names in files.items():
        for name in names:
            path = home / "snapshots" / commit / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, [{"question": f"{commit[0]} {name}", "answer": "1"}])
    return folder


@pytest.mark.usefixtures("cache")
def test_a_data_set_is_read_at_its_revision() -> None:
    def questions(**more: str) -> list[str]:
        return [row["question"] for row in read_source(QuestionSource(path="some/set", **more))]

    assert questions(subset="main", split="test") == ["b main/test/0000.parquet"]
    assert questions(subset="main", split="test", revision="v1") == ["a main/test-00000-of-00001.parquet"]
    assert questions(subset="other", revision="v1") == ["a other/train-0.parquet"]
    with pytest.raises(DataError, match=r"some/set@v1: has tables in main, other; give its `subset`"):
        questions(revision="v1")
    with pytest.raises(DataError, match=r"some/set@v1: has no table of subset None and split 'dev'"):
        questions(revision="v1", split="dev")
    with pytest.raises(DataError, match=r"some/set: cannot be downloaded|some/set: has no revision"):
        questions(revision="v2")
