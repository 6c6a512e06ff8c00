"""What several samples of a question say: avg@k, pass@k and maj@k, as expectations over draws of k of n.

A value is one number in [0, 1] for each question; a set's figure is their mean. Questions are the trials of every
interval, for samples of one question are not independent of each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal, Self, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skillray.errors import DataError

Kind = Literal["avg", "pass", "maj"]
PATTERN = r"^(avg|pass|maj)@[1-9][0-9]{0,5}$"
"""Names of metrics: KIND@K."""
Vote = int | None
"""A number that samples with equal final answers share; None for a sample without a final answer."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric by its name, such as `pass@64`."""

    kind: Kind
    k: int

    @classmethod
    def named(cls, name: str) -> Self:
        """The metric called `name`; `DataError` for any other text."""
        if not re.match(PATTERN, name):
            raise DataError(f"metric {name!r}: write avg@K, pass@K or maj@K with a whole K of at least 1")
        kind, _, k = name.partition("@")
        return cls(cast(Kind, kind), int(k))

    def __str__(self) -> str:
        return f"{self.kind}@{self.k}"

    def of(self, correct: Sequence[bool], votes: Sequence[Vote]) -> float:
        """The value of one question, from whether each of its n samples is right and what it votes for.

        Raises:
            DataError: the question has fewer than k samples.
        """
        n = len(correct)
        if n < self.k:
            raise DataError(f"{self} needs {self.k} samples a question; there are {n}")
        if self.kind == "avg":
            return sum(correct) / n
        if self.kind == "pass":
            return pass_at_k(n, sum(correct), self.k)
        return maj_at_k(correct, votes, self.k)


@dataclass(frozen=True, slots=True)
class Values:
    """A metric's value for every question, sorted by question_id."""

    question_ids: tuple[bytes, ...]
    values_Q: npt.NDArray[np.float64]

    @property
    def mean(self) -> float:
        """`DataError` where there is no question."""
        if not self.question_ids:
            raise DataError("evaluation: the table has no rows; give the set some questions")
        return float(self.values_Q.mean())


def pass_at_k(n: int, num_right: int, k: int) -> float:
    """The probability that one of k samples is right, drawn without replacement from n of which `num_right` are.

    It is 1 - C(n - c, k) / C(n, k), the unbiased estimator of Chen et al. (arXiv 2107.03374, section 2.1), in whole
    numbers until the one division.
    """
    return 1.0 - comb(n - num_right, k) / comb(n, k)


def maj_at_k(correct: Sequence[bool], votes: Sequence[Vote], k: int) -> float:
    """The probability that the most frequent final answer is right among k samples drawn without replacement.

    Answers that are equally frequent win with equal probability. A sample without a final answer votes for nothing, and
    a draw in which nobody votes is wrong. Both rules are ours: majority voting is of Wang et al. (arXiv 2203.11171),
    who do not say what a tie gives. A final answer is right when most of the samples that give it were graded so.
    """
    groups = Counter(vote for vote in votes if vote is not None)
    silent = sum(vote is None for vote in votes)
    right = Counter(vote for vote, is_right in zip(votes, correct, strict=True) if is_right and vote is not None)
    sizes = list(groups.values())
    by_size: dict[int, float] = {}
    chance = 0.0
    for vote, size in groups.items():
        if 2 * right[vote] > size:
            if size not in by_size:  # answers of one size win equally often
                by_size[size] = _chance_to_win(size, sizes, silent, k)
            chance += by_size[size]
    return min(chance, 1.0)


def _chance_to_win(size: int, sizes: Sequence[int], silent: int, k: int) -> float:
    """The probability that one answer of `size` samples wins in a draw of k, shared where others come as often."""
    others = list(sizes)
    others.remove(size)
    total = comb(sum(sizes) + silent, k)
    ways = 0.0
    for count in range(1, min(size, k) + 1):
        ways_RT = _ways_below(count, others, silent, k - count)
        shares_T = 1.0 / (1.0 + np.arange(ways_RT.shape[1]))
        ways += comb(size, count) / total * float(ways_RT[k - count] @ shares_T)
    return ways


def _ways_below(most: int, others: Sequence[int], silent: int, rest: int) -> npt.NDArray[np.float64]:
    """[r, t]: ways to draw r samples of the others, none of them more than `most` times and t of them just as often."""
    largest = rest // most
    ways_RT = np.zeros((rest + 1, largest + 1))
    for drawn in range(min(silent, rest) + 1):
        ways_RT[drawn, 0] = float(comb(silent, drawn))
    for size in others:
        added = np.zeros_like(ways_RT)
        for drawn in range(min(size, most, rest) + 1):
            ways = float(comb(size, drawn))
            if drawn < most:
                added[drawn:] += ways * ways_RT[: rest + 1 - drawn]
            elif largest:
                added[drawn:, 1:] += ways * ways_RT[: rest + 1 - drawn, :-1]
        ways_RT = added
    return ways_RT


def values_of(rows: pa.Table, metric: Metric) -> Values:
    """The metric's value for every question of a table with the columns question_id, correct and vote; a row a sample.

    Raises:
        DataError: a question has fewer samples than the metric needs.
    """
    by_question: dict[bytes, tuple[list[bool], list[Vote]]] = {}
    columns = (rows[name].to_pylist() for name in ("question_id", "correct", "vote"))
    for question_id, correct, vote in zip(*columns, strict=True):
        samples = by_question.setdefault(question_id, ([], []))
        samples[0].append(correct)
        samples[1].append(vote)
    ordered = sorted(by_question)
    return Values(tuple(ordered), np.array([metric.of(*by_question[one]) for one in ordered], np.float64))


def only(values: Values, question_ids: frozenset[bytes]) -> Values:
    """Those of `question_ids`."""
    kept = [place for place, one in enumerate(values.question_ids) if one in question_ids]
    return Values(tuple(values.question_ids[place] for place in kept), values.values_Q[kept])


def mean_of(columns: Mapping[str, float | None]) -> float | None:
    """The plain mean over the columns of a table, as STAT's Avg (arXiv 2510.10023, Table 1); None if one is missing."""
    values = [value for value in columns.values() if value is not None]
    return sum(values) / len(values) if values and len(values) == len(columns) else None
