"""Select and Carry: what a plan wants of the pool and of the examples before, as drafts. No teacher is asked.

Answers that are not the pool's own come from the answers table (`loop.targets`), which has a row for each question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.chat.prompt import BARE, StudentPrompt
from skillray.curriculum.answers import HumanAnswers, OwnAnswers, Rewrites, spread
from skillray.curriculum.base import OrderKind
from skillray.grading.answers import Verdict, extract_answer, quick_comparison
from skillray.grading.extract import stated_answer
from skillray.store.schemas import DRAFTS
from skillray.store.tables import Table
from skillray.training.examples import NO_TOKENS, encode_chats, token_columns
from skillray.types import content_id

HUMAN = HumanAnswers()
NO_ANSWER = "no_usable_answer"
"""Why the draws of a question are dropped: nobody's answer to it may be studied."""


@dataclass(frozen=True)
class Select:
    """Stage: pool, or answers, to drafts of examples (DRAFTS schema): one row for each answer to a drawn question that
    is studied, tokenised for the student.

    It goes along the pool and not along the orders: a question that was drawn a hundred times is tokenised once, and
    a worker holds a slice of the pool and no more.
    """

    orders: str
    """Folder of the orders table."""
    model: str
    """Whose tokenizer and chat template."""
    answers: HumanAnswers | Rewrites | OwnAnswers = HUMAN
    """Whose answers; others than a human's come with the rows that it reads."""
    prompt: StudentPrompt = BARE

    def open(self) -> Callable[[pa.Table], pa.Table]:
        from skillray.training.checkpoint import load_tokenizer

        tokenizer, draws = load_tokenizer(self.model), draws_of(Table(self.orders))

        def select(pool: pa.Table) -> pa.Table:
            places = pc.index_in(pool["question_id"], value_set=draws["question_id"].combine_chunks())
            rows, drawn = pool.filter(pc.is_valid(places)), draws.take(places.drop_null())
            needed = ["solution", "answer", *(["responses"] if "responses" in rows.column_names else [])]
            targets = [_targets(row, self.answers) for row in rows.select(needed).to_pylist()]
            return _drafts(tokenizer, self.prompt, rows, drawn, targets)

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
    """The reference solution as a student should write it. It ends with the answer: its own mark of it, or else a line
    with '####', for two marks would be a style of their own. A phrase that names another answer is no mark.
    """
    solution: str = row["solution"].strip()
    answer = extract_answer(solution)
    if stated_answer(solution) or (answer and quick_comparison(answer, row["answer"]) is Verdict.CORRECT):
        return solution
    return f"{solution}\n#### {row['answer']}".lstrip()


def _targets(row: dict[str, Any], answers: HumanAnswers | Rewrites | OwnAnswers) -> list[str]:
    """What may be studied as the answer to a question; nothing where its draws are to be dropped."""
    if isinstance(answers, HumanAnswers):
        return [response_of(row)]
    usable: list[str] = row["responses"][: answers.count]
    return usable or ([response_of(row)] if answers.otherwise == "human" else [])


def _drafts(
    tokenizer: Any, prompt: StudentPrompt, rows: pa.Table, draws: pa.Table, targets: list[list[str]]
) -> pa.Table:
    """A question's draws are spread over its targets; without any, one draft says so and has no tokens."""
    shares = [
        (place, text, times)
        for place, (texts, drawn) in enumerate(zip(targets, draws["multiplicity"].to_pylist(), strict=True))
        for text, times in _shared_out(texts, drawn)
    ]
    owners = pa.array([place for place, _, _ in shares], pa.int64())
    rows, draws, texts = rows.take(owners), draws.take(owners), [text for _, text, _ in shares]
    chats = [(question, text or "") for question, text in zip(rows["question"].to_pylist(), texts, strict=True)]
    studied = [chat for chat, text in zip(chats, texts, strict=True) if text is not None]
    encoded = iter(encode_chats(tokenizer, studied, prompt))
    columns = {
        "example_id": [content_id(question, response) for question, response in chats],
        "question_id": rows["question_id"],
        "question": rows["question"],
        "response": [response for _, response in chats],
        "skills": rows["skills"],
        "parents": [[]] * len(chats),
        "multiplicity": pa.array([times for _, _, times in shares], pa.int32()),
        "origin": draws["origin"],
        "weight": draws["weight"],
        "unit": draws["unit"],
        "refused": pa.array([NO_ANSWER if text is None else None for text in texts], pa.string()),
    }
    tokens = [NO_TOKENS if text is None else next(encoded) for text in texts]
    return pa.table(columns | token_columns(tokens), schema=DRAFTS)


def _shared_out(targets: list[str], draws: int) -> list[tuple[str | None, int]]:
    """(target, times) of one question; (None, draws) where it has no target."""
    if not targets:
        return [(None, draws)]
    return [(text, times) for text, times in zip(targets, spread(draws, len(targets)), strict=True) if times]
