"""Orders to drafts with a scripted teacher: where seeds come from, what leaks, and what is tokenised."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.errors import StageError
from skillray.grading.texts import Leaks
from skillray.loop.fulfil import Fulfil, Seeds, as_drafts, without_leaks
from skillray.loop.study import orders_table
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED
from skillray.store.schemas import EXAMPLES, QUESTIONS
from skillray.store.tables import Table
from skillray.teacher.tasks import Outcome, Reply, Task
from skillray.types import content_id
from tests.tiny import encode_chat, save_tiny_student, tiny_tokenizer

GRAPH = SkillGraph({"sum": ()}, {"sum": "maths"})
PASSAGE = "Sums put numbers together. " * 20


def questions(folder: Path, *texts: str) -> str:
    row = {"answer": "2", "solution": "1+1=2", "skills": ["sum"], "subject": "", "level": 1, "split": "pool"}
    table = Table(str(folder / "pool"))
    rows = [row | {"question": text, "question_id": content_id(text)} for text in texts]
    table.write(pa.Table.from_pylist(rows, schema=QUESTIONS), fence=UNFENCED)
    return table.folder


def examples(folder: Path, question: str, response: str) -> str:
    row = {"question": question, "response": response, "skills": ["sum"], "origin": "exercise", "parents": []}
    row |= {"example_id": content_id(question, response), "question_id": content_id(question), "multiplicity": 1}
    row |= {"weight": 1.0, "unit": 0, "input_ids": [1, 2], "loss_mask": [False, True], "num_loss_tokens": 1}
    table = Table(str(folder / "examples"))
    table.write(pa.Table.from_pylist([row], schema=EXAMPLES), fence=UNFENCED)
    return table.folder


def test_seeds_are_in_the_pool_or_among_the_examples_before(tmp_path: Path) -> None:
    seeds = Seeds(questions(tmp_path, "1+1?"), examples(tmp_path, "2+2?", "2+2=4\n#### 4"), GRAPH)
    found = seeds.find({content_id("1+1?"), content_id("2+2?")})
    assert found[content_id("1+1?")]["solution"] == "1+1=2"
    before = found[content_id("2+2?")]
    assert (before["solution"], before["answer"], before["subject"]) == ("2+2=4\n#### 4", "4", "maths")
    with pytest.raises(StageError, match="neither in the pool nor among the examples before"):
        seeds.find({content_id("3+3?")})


LEAKS = Leaks([("Tom has 12 apples and buys 7 more. How many?", "19")])


def leak(question: str, response: str, origin: str = "exercise") -> str | None:
    row = {"question": question, "response": response, "origin": origin, "refused": None}
    found: str | None = without_leaks(row, LEAKS, lambda a, b: a == b)["refused"]
    return found


def test_a_leak_is_the_text_or_a_likeness_with_the_same_answer() -> None:
    assert leak("Ana is 9. Tom has 12 apples and buys 7 more: how many?", "#### 19") == "evaluation_text"
    assert leak("", "Example: Tom has 12 apples and buys 7 more. How many? 19") == "evaluation_text"
    alike = "Tom has 12 apples and buys 7 more now. How many?"
    assert leak(alike, "12+7=19\n#### 19") == "evaluation_answer"
    assert leak(alike, "#### 20") is None  # alike, and another question
    assert leak("What is 12+7?", "#### 19") is None  # the same answer, and another question


def test_what_was_refused_stays_as_it_is() -> None:
    row = {"question": "Tom has 12 apples and buys 7 more. How many?", "response": "", "origin": "exercise"}
    assert without_leaks(row | {"refused": "no_agreement"}, LEAKS, lambda a, b: True)["refused"] == "no_agreement"


def draft(question: str, response: str, refused: str | None = None) -> dict:
    ids = {"example_id": content_id(question, response), "question_id": content_id(question)}
    made = {"skills": [], "origin": "exercise", "parents": [], "multiplicity": 1, "weight": 1.0, "unit": 0}
    return ids | made | {"question": question, "response": response, "refused": refused}


def test_questions_are_chats_passages_are_texts_and_the_refused_have_no_tokens() -> None:
    tokenizer = tiny_tokenizer()
    rows = as_drafts(tokenizer, [draft("", "abc"), draft("x?", "y", "no_agreement"), draft("a?", "b")]).to_pylist()
    by_text = {row["response"]: row for row in rows}
    assert (by_text["b"]["input_ids"], by_text["b"]["loss_mask"]) == encode_chat(tokenizer, "a?", "b")
    assert len(by_text["abc"]["input_ids"]) == 4 and by_text["abc"]["loss_mask"] == [False, True, True, True]
    assert (by_text["y"]["input_ids"], by_text["y"]["num_loss_tokens"], by_text["y"]["refused"]) == (
        [], 0, "no_agreement"
    )  # fmt: skip


def test_orders_of_several_kinds_become_drafts_in_one_go(tmp_path: Path) -> None:
    def ask(task: Task, requests: list) -> list[Reply]:
        value = {
            Task.WRITE_TEXTBOOK: PASSAGE,
            Task.WRITE_EXERCISES: [
                {"question": f"What is {n}+1, exactly?", "answer": "", "solution": f"#### {n + 1}", "skills": ["sum"]}
                | {"subject": "maths", "level": None}
                for n in range(3)
            ],
            Task.LABEL_SKILLS: ["sum"],
        }[task]
        return [Reply(outcome=Outcome.OK, value=value) for _ in requests]

    held = questions(tmp_path / "held", "What is 2+1, exactly?")
    stage = Fulfil(
        pool=questions(tmp_path, "1+1?"),
        model=save_tiny_student(tmp_path / "student"),
        teacher=lambda: ask,
        graph=GRAPH,
        solutions=1,
        min_agreement=1,
        evaluation=(held,),
    )
    made = {"skill": "sum", "parent_id": None, "question_ids": (), "count": 1}
    kinds = (OrderKind.TEXTBOOK, OrderKind.EXERCISE, OrderKind.KEEP)
    orders = orders_table(Plan(orders=tuple(Order(kind=kind, **made) for kind in kinds)))
    rows = stage.open()(orders).to_pylist()
    assert [row["response"] for row in rows if row["refused"] is None] == ["#### 1", "#### 2", PASSAGE]
    assert [(row["question"], row["refused"]) for row in rows if row["refused"]] == [
        ("What is 2+1, exactly?", "evaluation_text")
    ]
