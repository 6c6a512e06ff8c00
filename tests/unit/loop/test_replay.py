"""General text: read from every kind of file, cut off, and checked like everything else that is trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skillray.config.model import TextSource
from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.errors import DataError
from skillray.loop.replay import Replay, check_texts, read_texts
from skillray.loop.study import orders_table
from skillray.store.fence import UNFENCED
from skillray.store.schemas import QUESTIONS, TEXTS
from skillray.store.tables import Table
from skillray.types import content_id
from tests.tiny import save_tiny_student

TEXTS_IN = ["The sea is wide.", "A second text,\nof two lines.", "The sea is wide.", " "]


@pytest.mark.parametrize("name", ["t.txt", "t.parquet", "t.jsonl"])
def test_texts_are_rows_or_paragraphs_each_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".txt"):
        path.write_text("\r\n\r\n".join(TEXTS_IN))
    elif name.endswith(".parquet"):
        pq.write_table(pa.table({"body": TEXTS_IN}), path)
    else:
        path.write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS_IN))
    source = TextSource(path=str(path), column="body")
    check_texts(source)
    assert sorted(read_texts(source)["text"].to_pylist()) == sorted(TEXTS_IN[:2])


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    """As Windows saves a file."""
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbfA first text.\r\n\r\nA second one.\r\n")
    assert read_texts(TextSource(path=str(tmp_path / "t.txt")))["text"].to_pylist() == [
        "A first text.",
        "A second one.",
    ]


def test_no_text_and_no_utf8_are_said_in_one_line(tmp_path: Path) -> None:
    for name, content, problem in (("a.txt", b" \n\n ", "has no text"), ("b.txt", b"caf\xe9", "no UTF-8 text")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=problem):
            read_texts(TextSource(path=str(tmp_path / name)))
    with pytest.raises(DataError, match=r"none\.txt: no such file"):
        read_texts(TextSource(path=str(tmp_path / "none.txt")))


def test_drawn_texts_are_plain_examples_cut_off_and_leaks_refused(tmp_path: Path) -> None:
    texts = ["abcdefgh", "What is 17 + 25? It is 42.", "never drawn"]
    ids = [content_id("text", text) for text in texts]
    table, held_out, orders = (Table(str(tmp_path / name)) for name in ("texts", "held_out", "orders"))
    table.write(pa.table({"text_id": ids, "text": texts}, schema=TEXTS), fence=UNFENCED)
    row = {"question_id": content_id(0), "question": "What is 17+25?", "answer": "42", "solution": "", "skills": []}
    held_out.write(pa.Table.from_pylist([row | {"split": "held_out"}], schema=QUESTIONS), fence=UNFENCED)
    order = {"kind": OrderKind.KEEP, "skill": None, "parent_id": None, "count": 1}
    plan = Plan(orders=tuple(Order(question_ids=(one,), unit=n, **order) for n, one in enumerate(ids[:2])))
    orders.write(orders_table(plan), fence=UNFENCED)
    stage = Replay(
        orders=orders.folder,
        model=save_tiny_student(tmp_path / "student"),
        max_length=5,
        evaluation=(held_out.folder,),
    )
    first, second = stage.open()(table.read()).to_pylist()
    assert (first["question"], first["response"], first["origin"], first["unit"]) == ("", "abcdefgh", "keep", 0)
    assert len(first["input_ids"]) == 5 and first["loss_mask"] == [False, True, True, True, True]
    assert (second["refused"], second["unit"], second["input_ids"]) == ("evaluation_text", 1, [])
