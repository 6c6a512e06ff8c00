"""Which of a question's labels is to blame for a failure: labels as the diagnosis, weighed by what fails elsewhere.

A question lists every skill that it needs, and a failure shows that one of them is missing, not which. A skill that
stands on many questions, as a prerequisite, is then named most often though its own questions are answered. Each
failure is therefore shared out by a noisy-or model (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, 4.3):
a question fails when at least one of its skills does, each with a probability of its own,

    P(fails | labels) = 1 - prod over its skills s of (1 - f_s),

and f_s is the most likely one, by expectation and maximisation. It needs neither a graph nor an order of the labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

ROUNDS = 200
"""Of expectation and maximisation; the rates of 18 skills over 216 questions then move by less than 1e-3."""
AS_LIKELY = 0.5
"""A label is named from this share of the likeliest one's probability on. Ours: STAT's teacher names 2 to 3 skills a
question (arXiv 2510.10023, B.2), and labels of a question are often as likely as each other."""


def failure_rates(questions: Iterable[tuple[Sequence[str], bool]]) -> dict[str, float]:
    """Skill -> f_s in [0, 1], in name order, from (labels, whether it failed) of every question that was answered.

    With one label a question it is the share of its questions that failed.
    """
    asked = [(tuple(dict.fromkeys(labels)), failed) for labels, failed in questions if labels]
    seen = Counter(skill for labels, _ in asked for skill in labels)
    failures = Counter(labels for labels, failed in asked if failed)
    rates = dict.fromkeys(sorted(seen), 0.5)
    for _ in range(ROUNDS if failures else 0):
        blamed = dict.fromkeys(rates, 0.0)
        for labels, count in failures.items():
            for skill, share in shares(labels, rates).items():
                blamed[skill] += count * share
        rates = {skill: blamed[skill] / seen[skill] for skill in rates}
    return rates if failures else dict.fromkeys(rates, 0.0)


def shares(labels: Sequence[str], rates: Mapping[str, float]) -> dict[str, float]:
    """Skill -> P(it failed | the question failed) = f_s / (1 - prod (1 - f)); they add up to 1 or more."""
    fails = 1.0 - math.prod(1.0 - rates.get(skill, 0.0) for skill in labels)
    return {skill: rates.get(skill, 0.0) / fails if fails > 0.0 else 1.0 for skill in labels}


def to_blame(labels: Sequence[str], rates: Mapping[str, float]) -> list[str]:
    """The likeliest label of a failed question, and those that are at least `AS_LIKELY` of it, in their order."""
    likely = shares(labels, rates)
    least = AS_LIKELY * max(likely.values(), default=0.0)
    return [skill for skill, share in likely.items() if share >= least]
