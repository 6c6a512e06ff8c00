"""Tables of a run folder with a few rows, for tests of what is said about them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.schemas import EXAMPLES, GAPS, GRADED, ORDERS, QUESTIONS
from skillray.store.tables import Table
from skillray.types import content_id


def graded_row(n: int, **more: Any) -> dict[str, Any]:
    """A right answer to question `n`."""
    row = {"question_id": content_id(n), "question": f"{n}?", "answer": "1", "solution": "", "skills": ["sum"]}
    row |= {"split": "held_out", "sample": 0, "response": "#### 1", "num_tokens": 4, "finished": True}
    row |= {"correct": True, "verdict": "correct", "judged": True, "difficult": False}
    return row | {"step_texts": ["1"], "step_scores": [1.0], "step_skills": [None]} | more


def gap_row(n: int, *missing: str) -> dict[str, Any]:
    row = {"question_id": content_id(n), "question": f"{n}?", "response": "", "skills": ["sum"]}
    return row | {"missing_skills": list(missing), "outcome": "ok"}


def write_graded(table: Table, rows: list[dict[str, Any]]) -> None:
    table.write(pa.Table.from_pylist(rows, schema=GRADED), fence=UNFENCED)


def write_pool(run: RunFolder, *skills: str) -> None:
    row = {"question": "?", "answer": "1", "solution": "", "split": "pool"}
    rows = [row | {"question_id": content_id(skill), "skills": [skill]} for skill in skills]
    run.questions("pool").write(pa.Table.from_pylist(rows, schema=QUESTIONS), fence=UNFENCED)


def write_study(
    folder: RoundFolder, gaps: list[dict[str, Any]], orders: int, examples: int | None = None, **notes: float
) -> None:
    """A round as far as `study`; without `examples` where no order was made."""
    folder.table("gaps").write(pa.Table.from_pylist(gaps, schema=GAPS), fence=UNFENCED)
    write_graded(folder.table("graded"), [graded_row(n) for n in range(30)])
    commit_json(f"{folder.segment().path}/study.json", {"memory": {}, "notes": notes})
    order = {"kind": "select", "question_ids": [], "count": 1, "weight": 1.0, "unit": 0}
    rows = [order | {"order_id": content_id(n)} for n in range(orders)]
    folder.segment().table("orders").write(pa.Table.from_pylist(rows, schema=ORDERS), fence=UNFENCED)
    if examples is not None:
        write_examples(folder.segment(), [{}] * examples)


def write_examples(segment: RoundFolder, rows: list[dict[str, Any]]) -> None:
    row = {"question": "?", "response": "1", "skills": [], "origin": "select", "parents": [], "multiplicity": 1}
    row |= {"unit": 0, "weight": 1.0, "input_ids": [1], "loss_mask": [True], "num_loss_tokens": 1}
    made = [row | {"example_id": content_id(n), "question_id": content_id(n)} | more for n, more in enumerate(rows)]
    segment.table("examples").write(pa.Table.from_pylist(made, schema=EXAMPLES), fence=UNFENCED)
