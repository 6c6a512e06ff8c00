"""What gives an evaluation question away is found in the pool, left out or counted."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from skillray.loop.decontaminate import overlap_notes, without_leaks
from skillray.store.fence import UNFENCED
from skillray.store.layout import RoundFolder
from skillray.store.schemas import QUESTIONS
from skillray.store.tables import Table
from skillray.types import content_id
from tests.unit.loop.make_tables import write_examples

LONG = "a farmer has seventeen sheep and buys some more on monday before he sells all but nine of them"


def questions(*pairs: tuple[str, str]) -> pa.Table:
    rows = [
        {
            "question_id": content_id(text),
            "question": text,
            "answer": answer,
            "solution": "",
            "skills": [],
            "split": "x",
        }
        for text, answer in pairs
    ]
    return pa.Table.from_pylist(rows, schema=QUESTIONS)


POOL = questions(
    (f"Once {LONG}.", "9"),  # 13 words in one piece
    ("How many apples do 3 children with 4 apples each have today?", "12"),  # alike, and the same answer
    ("How many apples do 5 children with 6 apples each have today?", "30"),  # alike, and another question
    ("Where is the station?", "there"),
)
EVALUATION = questions((LONG, "9"), ("How many apples do 3 children with 4 apples each have now?", "12"))


def same(some: str, other: str) -> bool:
    return some == other


def test_leaks_are_left_out_and_counted() -> None:
    pool, [note] = without_leaks(POOL, [EVALUATION], same, remove=True)
    assert pool["answer"].to_pylist() == ["30", "there"]
    assert "2 evaluation questions: of 4 pool questions 1 share 13 words" in note and note.endswith("left out")


def test_off_they_are_counted_and_stay() -> None:
    pool, [note] = without_leaks(POOL, [EVALUATION], same, remove=False)
    assert pool.equals(POOL) and "of 4 pool questions 1 share 13 words" in note and "they stay" in note


def test_what_was_trained_on_is_counted_once_a_text(tmp_path: Path) -> None:
    evaluation = Table(str(tmp_path / "questions"))
    evaluation.write(EVALUATION, fence=UNFENCED)
    segment = RoundFolder(str(tmp_path))
    one = {"question": f"Once {LONG}.", "question_id": content_id("one")}
    write_examples(segment, [one, one | {"response": "2"}, {"question": "other"}, {"question": "", "response": LONG}])
    assert overlap_notes(segment.table("examples"), [evaluation]) == {
        "texts_trained_on": 3,
        "texts_with_evaluation_words": 2,
    }
    assert overlap_notes(segment.table("examples"), []) == {}
