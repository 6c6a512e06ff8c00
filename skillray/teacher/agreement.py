"""Keep what several solutions agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

SameAnswer = Callable[[str, str], bool]
"""Whether two final answers are equal; `AnswerPool.same` of grading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The consistency of the solutions of one question."""

    score: int
    """Size of the largest group of solutions with the same final answer; 0 when none has one."""
    answer: str | None
    """The answer of that group; None when the question is not kept."""
    solutions: tuple[str, ...]
    """The agreeing solutions in their order, identical texts once; empty when the question is not kept."""


def agree(
    solutions: Sequence[str], answers: Sequence[str | None], same: SameAnswer, min_agreement: int = 2
) -> Agreement:
    """STAT-Syn's filter (arXiv 2510.10023, B.2): keep the question iff at least `min_agreement` solutions agree.

    `answers`: the final answer of each solution, None where there is none (it agrees with nothing). Identical
    texts count towards the score, for they are samples of their own. Of two largest groups the earlier one is
    taken (the paper is silent).
    """
    groups: list[list[int]] = []
    for i, answer in enumerate(answers):
        if answer is None:
            continue
        home = next((group for group in groups if _same(answer, answers[group[0]], same)), None)
        if home is None:
            groups.append([i])
        else:
            home.append(i)
    largest = max(groups, key=len, default=[])
    if len(largest) < min_agreement:
        return Agreement(score=len(largest), answer=None, solutions=())
    kept = tuple(dict.fromkeys(solutions[i] for i in largest))
    return Agreement(score=len(largest), answer=answers[largest[0]], solutions=kept)


def _same(answer: str, other: str | None, same: SameAnswer) -> bool:
    return other is not None and (answer == other or same(answer, other))
