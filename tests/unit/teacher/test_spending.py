"""Books and limits, by arithmetic."""

from __future__ import annotations

import pytest

from skillray.errors import BudgetError
from skillray.teacher.identity import limits_of
from skillray.teacher.settings import Budget, OpenAITeacherConfig, Price
from skillray.teacher.spending import Limits, Line, Spent, report, summed

A = Line("solve", "a/round-000", "ok")
B = Line("solve", "b/round-001", "failed")


def test_tokens_cost_what_their_kind_costs() -> None:
    assert Spent(1, 2_000_000, 500_000).usd(3.0, 10.0) == 3.0 * 2 + 10.0 * 0.5


def test_the_last_call_that_may_be_sent() -> None:
    limits = Limits(calls=10)
    limits.refuse(Spent(7), under_way=2, more=1)
    with pytest.raises(BudgetError, match=r"budget.max_calls 10 is reached after 8 calls .* raise it and run the same"):
        limits.refuse(Spent(8), under_way=2, more=1)


def test_tokens_and_money_end_where_they_are_reached() -> None:
    Limits(tokens=100).refuse(Spent(1, 90, 9), under_way=5, more=1)
    with pytest.raises(BudgetError, match=r"budget.max_tokens 100 is reached after 1 calls and 100 tokens"):
        Limits(tokens=100).refuse(Spent(1, 90, 10), under_way=0, more=1)
    dear = Limits(usd=0.5, prompt_price=1.0, completion_price=2.0)
    dear.refuse(Spent(1, 499_999, 0), under_way=0, more=1)
    with pytest.raises(BudgetError, match=r"budget.max_usd 0.5 is reached"):
        dear.refuse(Spent(1, 300_000, 100_000), under_way=0, more=1)
    Limits().refuse(Spent(10**9, 10**12, 10**12), under_way=10**6, more=10**6)


def test_a_shard_has_its_part() -> None:
    config = OpenAITeacherConfig(model="m", shards=4, price=Price(prompt=1.0, completion=2.0))
    budget = Budget(max_usd=2.0, max_tokens=1000, max_calls=10)
    assert limits_of(budget, config) == Limits(usd=0.5, tokens=250, calls=2, prompt_price=1.0, completion_price=2.0)
    assert limits_of(Budget(), config) == Limits(prompt_price=1.0, completion_price=2.0)


def test_the_report_sums_by_task_and_by_round() -> None:
    lines = summed([{A: Spent(2, 100, 10)}, {A: Spent(1, 50, 5), B: Spent(1)}])
    assert lines == {A: Spent(3, 150, 15), B: Spent(1)}
    told = report(lines, {"solve": 6, "label_skills": 1}, 1.0, 10.0)
    assert (told["calls"], told["prompt_tokens"], told["completion_tokens"], told["usd"]) == (4, 150, 15, 0.0003)
    solve = told["by_task"]["solve"]
    assert (solve["requests"], solve["cached"], solve["outcomes"]) == (10, 6, {"ok": 3, "failed": 1})
    assert told["by_task"]["label_skills"]["calls"] == 0
    assert {who: one["calls"] for who, one in told["by_round"].items()} == {"a/round-000": 3, "b/round-001": 1}
