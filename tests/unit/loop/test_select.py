"""Select by hand: three pool questions, and orders that draw two of them."""

from __future__ import annotations

import pyarrow as pa

from skillray.curriculum.answers import OwnAnswers, Rewrites
from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.loop.select import Carry, Select, draws_of, response_of
from skillray.loop.study import orders_table
from skillray.store.fence import UNFENCED
from skillray.store.schemas import QUESTIONS, USABLE
from skillray.store.tables import Table
from skillray.types import Id, content_id
from tests.tiny import encode_chat, save_tiny_student, tiny_tokenizer

QUESTION = {"answer": "2", "solution": "1+1=2", "skills": ["sum"], "subject": "", "level": 1, "split": "pool"}
A, B, C = (content_id(text) for text in ("a?", "b?", "c?"))


def order(kind: OrderKind, *ids: Id, weight: float = 1.0) -> Order:
    return Order(kind=kind, skill="sum", parent_id=None, question_ids=ids, count=len(ids), weight=weight)


def orders(path, *wanted: Order) -> Table:
    table = Table(str(path / "orders"))
    table.write(orders_table(Plan(orders=wanted)), fence=UNFENCED)
    return table


def pool(path) -> Table:
    rows = [QUESTION | {"question_id": content_id(text), "question": text} for text in ("a?", "b?", "c?")]
    table = Table(str(path / "pool"))
    table.write(pa.Table.from_pylist(rows, schema=QUESTIONS), fence=UNFENCED)
    return table


PLAN = (
    order(OrderKind.SYNTHESIZE, C, A),  # seeds: shown to a teacher, not drawn
    order(OrderKind.KEEP, B, weight=0.5),
    order(OrderKind.SELECT, A, B, A),
    order(OrderKind.SELECT, B),
)


def test_draws_add_up_and_the_first_order_names_them(tmp_path):
    draws = {row.pop("question_id"): row for row in draws_of(orders(tmp_path, *PLAN)).to_pylist()}
    assert draws == {
        A: {"origin": "select", "weight": 1.0, "unit": 0, "multiplicity": 2},
        B: {"origin": "keep", "weight": 0.5, "unit": 0, "multiplicity": 3},
    }


def test_a_drawn_question_becomes_one_draft(tmp_path):
    model = save_tiny_student(tmp_path / "student")
    select = Select(orders(tmp_path, *PLAN).folder, model).open()
    first, second = select(pool(tmp_path).read()).to_pylist()
    assert (first["question_id"], first["multiplicity"], first["origin"]) == (A, 2, "select")
    assert (second["question_id"], second["multiplicity"], second["origin"]) == (B, 3, "keep")
    assert first["example_id"] == content_id("a?", "1+1=2\n#### 2")
    ids, mask = encode_chat(tiny_tokenizer(), "a?", "1+1=2\n#### 2")
    assert (first["input_ids"], first["loss_mask"], first["num_loss_tokens"]) == (ids, mask, sum(mask))


def answered(path, *responses: list[str]) -> pa.Table:
    """The pool's first questions with these answers."""
    rows = pool(path).read().to_pylist()[: len(responses)]
    more = [{"responses": texts, "verdicts": ["correct"] * len(texts)} for texts in responses]
    return pa.Table.from_pylist([row | m for row, m in zip(rows, more, strict=True)], schema=USABLE)


def test_draws_are_spread_over_the_answers_that_may_be_studied(tmp_path):
    model = save_tiny_student(tmp_path / "student")
    rows = answered(tmp_path, ["so 2", "2!"], ["b1", "b2", "b3"])
    select = Select(orders(tmp_path, *PLAN).folder, model, OwnAnswers(count=2)).open()
    # A was drawn twice, B three times, and at most two answers of each count
    found = [(row["question_id"], row["response"], row["multiplicity"]) for row in select(rows).to_pylist()]
    assert found == [(A, "so 2", 1), (A, "2!", 1), (B, "b1", 2), (B, "b2", 1)]


def test_a_question_without_an_answer_goes_by_the_rule(tmp_path):
    model = save_tiny_student(tmp_path / "student")
    rows, folder = answered(tmp_path, ["so 2"], []), orders(tmp_path, *PLAN).folder
    dropped = Select(folder, model, OwnAnswers(otherwise="drop")).open()(rows).to_pylist()[1]
    assert (dropped["refused"], dropped["multiplicity"], dropped["input_ids"]) == ("no_usable_answer", 3, [])
    human = Select(folder, model, Rewrites(otherwise="human")).open()(rows).to_pylist()[1]
    assert (human["response"], human["multiplicity"], human["refused"]) == ("1+1=2\n#### 2", 3, None)
    assert human["origin"] == "keep" and human["weight"] == 0.5


def test_a_slice_of_the_pool_that_nobody_wants_gives_no_rows(tmp_path):
    model = save_tiny_student(tmp_path / "student")
    select = Select(orders(tmp_path, *PLAN).folder, model).open()
    assert select(pool(tmp_path).read().slice(2)).num_rows == 0
    nothing = orders(tmp_path / "nothing", order(OrderKind.SYNTHESIZE, A))
    assert Select(nothing.folder, model).open()(pool(tmp_path).read()).num_rows == 0


def test_carried_examples_keep_all_but_their_weight(tmp_path):
    model = save_tiny_student(tmp_path / "student")
    drafts = Select(orders(tmp_path, *PLAN).folder, model).open()(pool(tmp_path).read())
    before = drafts.drop(["refused"])
    first, second = (row["example_id"] for row in before.to_pylist())
    carried = orders(tmp_path / "next", order(OrderKind.CARRY, second, weight=0.25), order(OrderKind.COMPOSE, first))
    (row,) = Carry(carried.folder).open()(before).to_pylist()
    assert row == before.to_pylist()[1] | {"weight": 0.25, "refused": None}
    assert Select(carried.folder, model).open()(pool(tmp_path).read()).num_rows == 0


def test_the_reference_is_written_as_a_student_should():
    assert response_of(QUESTION) == "1+1=2\n#### 2"
    assert response_of(QUESTION | {"solution": "1+1=2\n#### 2"}) == "1+1=2\n#### 2"
    assert response_of(QUESTION | {"solution": ""}) == "#### 2"


def test_a_solution_with_a_mark_of_its_own_gets_no_second_one():
    for solution in (
        "So \\boxed{2}.",
        "#### Step 1\n1+1\n\nSo $\\boxed 2$.",
        "<answer>2</answer>",
        "1+1=2. The answer is 2.",
    ):
        assert response_of(QUESTION | {"solution": solution}) == solution


def test_headings_and_phrases_that_name_another_answer_are_no_mark():
    for solution in ("#### Step 1\n1+1=2", "The answer is clear: 1+1=2.", "#### Sum\n1+1=2\n#### Final Answer"):
        assert response_of(QUESTION | {"solution": solution}) == f"{solution}\n#### 2"
