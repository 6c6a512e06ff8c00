"""Select and Carry: what a plan wants of the pool and of the examples before, as drafts. No teacher is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.curriculum.base import OrderKind
from skillray.store.schemas import DRAFTS
from skillray.store.tables import Table
from skillray.training.examples import encode_chats, token_columns
from skillray.types import content_id


@dataclass(frozen=True)
class Select:
    """Stage: pool to drafts of examples (DRAFTS schema), one row for each drawn question, tokenised for the student.

    It goes along the pool and not along the orders: a question that was drawn a hundred times is tokenised once, and
    a worker holds a slice of the pool and no more.
    """

    orders: str
    """Folder of the orders table."""
    model: str
    """Whose tokenizer and chat template."""
    prompt: StudentPrompt = BARE

    def open(self) -> Callable[[pa.Table], pa.Table]:
        from skillray.training.checkpoint import load_tokenizer

        tokenizer, draws = load_tokenizer(self.model), draws_of(Table(self.orders))

        def select(pool: pa.Table) -> pa.Table:
            places = pc.index_in(pool["question_id"], value_set=draws["question_id"].combine_chunks())
            return _drafts(tokenizer, self.prompt, pool.filter(pc.is_valid(places)), draws.take(places.drop_null()))

        return select


@dataclass(frozen=True)
class Carry:
    """Stage: the examples of the segment before to drafts of those that the orders go on with, with the orders' weight.

    Everything else of them stays, their tokens and origin too.
    """

    orders: str
    """Folder of the orders table."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        rows = _orders_of(Table(self.orders), OrderKind.CARRY)
        ids = pc.list_flatten(rows["question_ids"]).combine_chunks()
        weights = rows["weight"].take(pc.list_parent_indices(rows["question_ids"]))

        def carry(examples: pa.Table) -> pa.Table:
            places = pc.index_in(examples["example_id"], value_set=ids)
            kept = examples.filter(pc.is_valid(places))
            place = kept.schema.get_field_index("weight")
            kept = kept.set_column(place, kept.schema.field(place), weights.take(places.drop_null()))
            return kept.append_column(DRAFTS.field("refused"), pa.nulls(kept.num_rows, pa.string()))

        return carry


def _orders_of(orders: Table, *kinds: OrderKind) -> pa.Table:
    rows = orders.read(["kind", "question_ids", "weight", "unit"])
    return rows.filter(pc.is_in(rows["kind"], value_set=pa.array(list(kinds))))


def draws_of(orders: Table) -> pa.Table:
    """What is wanted of the pool: question_id, multiplicity, and the kind, weight and unit of the first order."""
    rows = _orders_of(orders, OrderKind.SELECT, OrderKind.KEEP)
    owner = pc.list_parent_indices(rows["question_ids"])
    columns = {name: rows[name].take(owner) for name in ("kind", "weight", "unit")}
    draws = pa.table({"question_id": pc.list_flatten(rows["question_ids"])} | columns)
    # One thread keeps the order of the rows, which `first` goes by.
    grouped = draws.group_by("question_id", use_threads=False)
    found = grouped.aggregate([("kind", "first"), ("weight", "first"), ("unit", "first"), ([], "count_all")])
    names = {"kind_first": "origin", "weight_first": "weight", "unit_first": "unit", "count_all": "multiplicity"}
    return found.rename_columns(names)


def response_of(row: dict[str, Any]) -> str:
    """The reference solution as a student should write it: it ends with the answer after '####'."""
    solution = row["solution"].strip()
    if "####" in solution or not solution:
        return solution or f"#### {row['answer']}"
    return f"{solution}\n#### {row['answer']}"


def _drafts(tokenizer: Any, prompt: StudentPrompt, rows: pa.Table, draws: pa.Table) -> pa.Table:
    chats = [(row["question"], response_of(row)) for row in rows.select(["question", "solution", "answer"]).to_pylist()]
    columns = {
        "example_id": [content_id(question, response) for question, response in chats],
        "question_id": rows["question_id"],
        "question": rows["question"],
        "response": [response for _, response in chats],
        "skills": rows["skills"],
        "parents": [[]] * len(chats),
        "multiplicity": draws["multiplicity"].cast(pa.int32()),
        "origin": draws["origin"],
        "weight": draws["weight"],
        "unit": draws["unit"],
        "refused": pa.nulls(len(chats), pa.string()),
    }
    return pa.table(columns | token_columns(encode_chats(tokenizer, chats, prompt)), schema=DRAFTS)
