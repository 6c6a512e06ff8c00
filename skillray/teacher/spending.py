"""What a teacher's replies have cost, and when that is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from skillray.errors import BudgetError

MILLION = 1_000_000


class Line(NamedTuple):
    """What a call is booked under."""

    task: str
    asked_by: str
    """STUDENT/round-NNN of whoever asked first; students that start alike share, and one of them is named."""
    outcome: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls that were answered, failed ones included, and their tokens."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )

    def usd(self, prompt: float, completion: float) -> float:
        """At these prices of a million tokens each."""
        return (self.prompt_tokens * prompt + self.completion_tokens * completion) / MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one reply log; None is no limit."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    prompt_price: float = 0.0
    completion_price: float = 0.0

    def refuse(self, spent: Spent, under_way: int, more: int) -> None:
        """Before `more` calls are sent, while `under_way` are not answered yet.

        Raises:
            BudgetError: a limit is reached, or the calls would pass `calls`.
        """
        if self.calls is not None and spent.calls + under_way + more > self.calls:
            raise _reached("max_calls", self.calls, spent)
        tokens = spent.prompt_tokens + spent.completion_tokens
        if self.tokens is not None and tokens >= self.tokens:
            raise _reached("max_tokens", self.tokens, spent)
        usd = spent.usd(self.prompt_price, self.completion_price)
        if self.usd is not None and usd >= self.usd:
            raise _reached("max_usd", self.usd, spent)


def _reached(name: str, limit: float, spent: Spent) -> BudgetError:
    tokens = spent.prompt_tokens + spent.completion_tokens
    return BudgetError(
        f"budget.{name} {limit:g} is reached after {spent.calls} calls and {tokens} tokens of the teacher; every reply "
        "is kept: raise it and run the same command to go on"
    )


def summed(lines: Iterable[Mapping[Line, Spent]]) -> dict[Line, Spent]:
    """Of several reply logs."""
    total: dict[Line, Spent] = {}
    for each in lines:
        for line, spent in each.items():
            total[line] = total.get(line, Spent()) + spent
    return total


def report(lines: Mapping[Line, Spent], known: Mapping[str, int], prompt: float, completion: float) -> dict[str, Any]:
    """For status.json: in all, by task, and by student and round.

    Args:
        known: requests of each task that were answered from the log, and cost nothing.
    """

    def told(spent: Spent) -> dict[str, Any]:
        return asdict(spent) | {"usd": round(spent.usd(prompt, completion), 6)}

    by_task: dict[str, Any] = {}
    for task in sorted({line.task for line in lines} | set(known)):
        mine = {line: spent for line, spent in lines.items() if line.task == task}
        outcomes: dict[str, int] = {}
        for line, spent in mine.items():
            outcomes[line.outcome] = outcomes.get(line.outcome, 0) + spent.calls
        spent, cached = sum(mine.values(), Spent()), known.get(task, 0)
        by_task[task] = told(spent) | {"requests": spent.calls + cached, "cached": cached, "outcomes": outcomes}
    asked = sorted({line.asked_by for line in lines})
    by_round = {who: told(sum((s for line, s in lines.items() if line.asked_by == who), Spent())) for who in asked}
    return told(sum(lines.values(), Spent())) | {"by_task": by_task, "by_round": by_round}


def combined(by_teacher: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Reports of several teachers, none of which shares a task with another one, as one; and what each has cost."""

    def added(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {
            name: sum(part[name] for part in parts) for name in ("calls", "prompt_tokens", "completion_tokens", "usd")
        }

    reports = list(by_teacher.values())
    who = sorted({name for one in reports for name in one["by_round"]})
    by_round = {name: added([one["by_round"][name] for one in reports if name in one["by_round"]]) for name in who}
    by_task = {task: use for one in reports for task, use in one["by_task"].items() if use["requests"]}
    told = {"by_task": by_task, "by_round": by_round}
    return (
        added(reports)
        | told
        | {"by_teacher": {name: added([one]) | {"model": one["model"]} for name, one in by_teacher.items()}}
    )
