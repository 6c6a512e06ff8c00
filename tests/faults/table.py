"""What became of every kind of fault, as one table at the end of the tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of one kind of fault."""

    fault: str
    seeds: str
    injected: int
    recovered: int
    lost: int
    """Things acknowledged or committed that were gone afterwards."""
    repeated: int | None = None
    """Teacher calls beyond one a request; None where no teacher is asked, or its history is not kept."""
    seconds: float
    """Wall time of all of it."""
    equal: bool
    """Whether the end is that of an undisturbed run, hash for hash."""
    commands: int | None = None
    """Times the command had to be given."""


HEAD = ("fault", "seeds", "injected", "recovered", "lost", "repeated", "commands", "seconds", "hash equal")


def lines(outcomes: Iterable[Outcome]) -> list[str]:
    rows = [
        (o.fault, o.seeds, str(o.injected), str(o.recovered), str(o.lost), _or_dash(o.repeated), _or_dash(o.commands),
         f"{o.seconds:.0f}", "yes" if o.equal else "NO")
        for o in outcomes
    ]  # fmt: skip
    return ["| " + " | ".join(row) + " |" for row in (HEAD, tuple("---" for _ in HEAD), *rows)]


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)
