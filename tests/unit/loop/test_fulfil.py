"""Orders to examples, by hand: one pool question, a scripted teacher."""

from __future__ import annotations

import pytest

from skillray.curriculum.base import Order, OrderKind, Plan
from skillray.errors import StageError
from skillray.grading.pool import AnswerPool
from skillray.loop.fulfil import Fulfil
from skillray.loop.study import orders_table
from skillray.teacher.tasks import Outcome, Reply, Task
from skillray.types import content_id

SEED = {
    "question_id": content_id("1+1?"),
    "question": "1+1?",
    "answer": "2",
    "solution": "1+1=2",
    "subject": "",
    "level": 1,
    "skills": ["sum"],
}
BODY = {"question": "2+2?", "answer": "", "solution": "", "skills": ["sum"], "subject": "", "level": 1}


def order(kind: OrderKind, count: int = 1) -> dict:
    plan = Plan(
        orders=(Order(kind=kind, skill="sum", parent_id=None, question_ids=(SEED["question_id"],), count=count),)
    )
    return orders_table(plan).to_pylist()[0]


def synthesize(solutions: list[str], min_agreement: int = 2) -> list[dict]:
    def ask(task, requests):
        if task is Task.WRITE_QUESTIONS:
            return [Reply(outcome=Outcome.OK, value=[BODY]) for _ in requests]
        return [Reply(outcome=Outcome.OK, value=solutions[request.sample]) for request in requests]

    stage = Fulfil(pool="", model="", teacher=None, solutions=len(solutions), min_agreement=min_agreement)
    with AnswerPool() as answers:
        return stage._synthesize([order(OrderKind.SYNTHESIZE)], {SEED["question_id"]: SEED}, ask, answers.same)


def test_two_of_three_solutions_agree():
    drafts = synthesize(["2+2=4\n#### 4", "#### 5", "4 it is\n#### 4"])
    assert [draft["response"] for draft in drafts] == ["2+2=4\n#### 4", "4 it is\n#### 4"]
    assert {draft["origin"] for draft in drafts} == {"synthesize"}
    assert drafts[0]["parents"] == [SEED["question_id"]]
    assert drafts[0]["question_id"] == content_id("2+2?")


def test_no_two_solutions_agree():
    assert synthesize(["#### 4", "#### 5", "#### 6"]) == []


def augment(*rewrites: str, wave: int = 0, count: int = 3) -> list[dict]:
    """The drafts of one question with the reference 2, whose rewrites are these."""

    def ask(task, requests):
        assert task is Task.SOLVE and [request.question.answer for request in requests] == ["2"] * len(requests)
        return [Reply(outcome=Outcome.OK, value=rewrites[request.index]) for request in requests]

    stage = Fulfil(pool="", model="", teacher=None, solutions=1, min_agreement=1, wave=wave)
    with AnswerPool() as answers:
        return stage._augment([order(OrderKind.AUGMENT, count)], {SEED["question_id"]: SEED}, ask, answers.same)


def test_a_rewrite_with_the_reference_answer_is_kept():
    (draft,) = augment("One and one are two.\n#### 2.0")
    assert (draft["question"], draft["response"]) == ("1+1?", "One and one are two.\n#### 2.0")
    assert (draft["origin"], draft["skills"], draft["parents"]) == ("augment", ["sum"], [SEED["question_id"]])


def test_a_rewrite_with_another_answer_or_none_is_not():
    assert augment("1+1=3\n#### 3") == [] and augment("one and one") == []


def test_each_wave_asks_for_the_next_rewrite_and_no_more_than_were_ordered():
    texts = ("#### 2", "It is #2\n#### 2", "#### 3")
    assert [[draft["response"] for draft in augment(*texts, wave=wave)] for wave in range(3)] == [
        ["#### 2"], ["It is #2\n#### 2"], [],
    ]  # fmt: skip
    assert augment(*texts, wave=1, count=1) == []


def test_a_rewrite_that_no_teacher_can_give_is_an_error():
    stage = Fulfil(pool="", model="", teacher=None, solutions=1, min_agreement=1)
    orders, pool = [order(OrderKind.AUGMENT)], {SEED["question_id"]: SEED}
    with pytest.raises(StageError, match=r"could not rewrite \(unsupported\)"):
        stage._augment(orders, pool, lambda task, asked: [Reply(outcome=Outcome.UNSUPPORTED)], lambda a, b: True)


def test_a_reply_that_never_came_is_no_data():
    stage = Fulfil(pool="", model="", teacher=None, solutions=3, min_agreement=2)
    solved = [Reply(outcome=Outcome.OK, value="#### 4"), Reply(outcome=Outcome.FAILED)]

    def synthesize(*solutions):
        written = Reply(outcome=Outcome.OK, value=[BODY]) if solutions else Reply(outcome=Outcome.FAILED)
        ask = {Task.WRITE_QUESTIONS: [written], Task.SOLVE: list(solutions)}
        pool = {SEED["question_id"]: SEED}
        orders = [order(OrderKind.SYNTHESIZE)]
        return stage._synthesize(orders, pool, lambda task, requests: ask[task], lambda a, b: a == b)

    assert synthesize() == []
    assert [draft["response"] for draft in synthesize(solved[0], solved[1], solved[0])] == ["#### 4"]
    assert synthesize(solved[0], solved[1], solved[1]) == []
