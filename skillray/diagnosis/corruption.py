"""Examples that are known to be wrong, for DSA's error baseline (arXiv 2412.19361)."""

from __future__ import annotations

import random
import statistics
from collections.abc import Hashable, Sequence
from itertools import groupby

import pyarrow as pa

from skillray.diagnosis.dynamics import Corruption
from skillray.errors import DataError
from skillray.grading.answers import answer_span, clean

MIN_SHARE = 0.02
"""Of a response's characters: where final answers are less in the median, exchanging them changes the mean loss of a
response by so little that its noise is larger. Ours: it is .8% of MATH's solutions, and from 4% on in arithmetic."""


def corrupt(examples: pa.Table, share: float, kind: Corruption, rng: random.Random) -> list[tuple[int, str]]:
    """Rows of `examples` (columns question, response) and for each a response that is wrong for its question: DSA's
    "constructed error examples" (arXiv 2412.19361), on which L_b and sigma_b are measured.

    How the paper constructs them is not known. `answers`: the marked final answers (`grading.answers.answer_span`) of
    a `share` of the examples change places, the steps around them stay. `solutions`: whole responses change places.
    `auto` is one of the two, by `MIN_SHARE`. Nobody gets what equals its own, or belongs to its own question; where
    that cannot be, the row is left out.

    Raises:
        DataError: all are the same, so that there is nothing to exchange.
    """
    responses = examples["response"].to_pylist()
    kind = kind_for(responses) if kind == "auto" else kind
    parts = [_cut(response, kind) for response in responses]
    usable = [row for row, (_, value, _) in enumerate(parts) if value]
    drawn = rng.sample(usable, min(len(usable), max(2, round(share * len(parts)))))
    questions = examples["question"].to_pylist()

    def strange(row: int, other: int) -> bool:
        return parts[row][1] != parts[other][1] and questions[row] != questions[other]

    others = [row for row in usable if drawn and strange(row, drawn[0])]
    if others and not set(others) & set(drawn):  # none of those that were drawn may have the first one's
        drawn[-1] = rng.choice(others)
    given = exchanged([parts[row][1] for row in drawn], [questions[row] for row in drawn])
    changed = sorted((row, new) for row, new in zip(drawn, given, strict=True) if new is not None)
    if not changed:
        what = "marked final answers" if kind == "answers" else "responses"
        instead = "corruption 'solutions', or " if kind == "answers" else ""
        raise DataError(
            f"dynamics.baseline: among {len(usable)} examples no two different {what}; set {instead}it null without "
            "drop_error"
        )
    return [(row, f"{parts[row][0]}{new}{parts[row][2]}") for row, new in changed]


def kind_for(responses: Sequence[str]) -> Corruption:
    """`answers`, where they are a noticeable part of the responses that have one, and `solutions` otherwise."""
    spans = [(answer_span(response), len(response)) for response in responses]
    shares = [(span[1] - span[0]) / length for span, length in spans if span]
    return "answers" if not shares or statistics.median(shares) >= MIN_SHARE else "solutions"


def _cut(response: str, kind: Corruption) -> tuple[str, str, str]:
    """What changes places, with what stands before and behind it; "" where there is nothing to change."""
    if kind == "solutions":
        return "", response, ""
    start, end = answer_span(response) or (len(response), len(response))
    return response[:start], clean(response[start:end]), response[end:]


def exchanged(values: Sequence[str], owners: Sequence[Hashable]) -> list[str | None]:
    """`values` dealt out anew, so that nobody gets what equals its own, nor one of the same owner; None for whom none
    is left.

    Equal ones stand together, and each takes what stands as many places on as the largest group has members. Only
    where a group is more than half of all does some of it meet itself.
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    step = max((len(list(group)) for _, group in groupby(order, key=lambda place: values[place])), default=0)
    given: list[str | None] = [None] * len(values)
    for place, row in enumerate(order):
        other = order[(place + step) % len(order)]
        given[row] = values[other] if values[other] != values[row] and owners[other] != owners[row] else None
    return given
