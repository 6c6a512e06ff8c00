"""Generators: parts of a number, sums of fractions and percentages."""

from __future__ import annotations

import random
from fractions import Fraction
from math import gcd

from skillray.domains.arithmetic.draft import Draft, work


def fraction_of_a_number(level: int, rng: random.Random) -> Draft:
    n = rng.randint(2 if level == 1 else 3, 9)
    k = 1 if level == 1 else rng.choice([k for k in range(2, n) if gcd(k, n) == 1])
    part = rng.randint(2, 9) * (10 if level == 3 or (level == 1 and rng.random() < 0.5) else 1)
    asks = ("What is {}/{} of {}?", "Find {}/{} of {}.", "{}/{} of {} = ?", "How many is {}/{} of {}?")
    text = rng.choice(asks).format(k, n, part * n)
    first = f"{part * n}/{n}={part}"
    return work(text, first) if k == 1 else work(text, first, f"{part}*{k}={part * k}")


def fraction_addition(level: int, rng: random.Random) -> Draft:
    if level == 2:
        return _different_denominators(rng)
    while True:
        d = rng.randint(4, 15)
        a, b = rng.randint(1, d - 2), rng.randint(1, d - 2)
        if a + b < d and (gcd(a + b, d) == 1) == (level == 1):
            break
    steps = [f"{a}/{d}+{b}/{d}={a + b}/{d}"]
    if level == 3:
        steps.append(f"{a + b}/{d}={Fraction(a + b, d)}")
    return work(_ask_sum(f"{a}/{d}+{b}/{d}", rng), *steps)


def percentage(level: int, rng: random.Random) -> Draft:
    tenth = rng.randint(2, 9) * (rng.choice((1, 10)) if level == 1 else 1)
    if level == 1:
        times, base = rng.randint(2, 9), 10 * tenth
        return work(_ask_percent(10 * times, base, rng), f"{base}/10={tenth}", f"{tenth}*{times}={tenth * times}")
    if level == 2:
        quarter, times = rng.randint(2, 9) * rng.choice((1, 10)), rng.choice((1, 3))
        base = 4 * quarter
        steps = (f"{base}/4={quarter}", f"{quarter}*{times}={quarter * times}")[: 1 if times == 1 else 2]
        return work(_ask_percent(25 * times, base, rng), *steps)
    tenth, times = 2 * rng.randint(1, 9), rng.randint(2, 4)
    base, half = 10 * tenth, tenth // 2
    high = tenth * times
    steps = (f"{base}/10={tenth}", f"{tenth}*{times}={high}", f"{tenth}/2={half}", f"{high}+{half}={high + half}")
    return work(_ask_percent(10 * times + 5, base, rng), *steps)


def _different_denominators(rng: random.Random) -> Draft:
    """a/d + b/(d m): the first is written in the second's denominator, then added."""
    while True:
        d, m = rng.randint(2, 8), rng.randint(2, 3)
        a, b = rng.randint(1, d - 1), rng.randint(1, d * m - 1)
        if gcd(a, d) == 1 and a * m + b < d * m and gcd(a * m + b, d * m) == 1:
            break
    wide = d * m
    steps = (f"{a}/{d}={a * m}/{wide}", f"{a * m}/{wide}+{b}/{wide}={a * m + b}/{wide}")
    return work(_ask_sum(f"{a}/{d}+{b}/{wide}", rng), *steps)


def _ask_sum(expression: str, rng: random.Random) -> str:
    return rng.choice(("Add {}.", "What is {}?", "Find the sum {}.")).format(expression)


def _ask_percent(percent: int, base: int, rng: random.Random) -> str:
    asks = (
        "What is {}% of {}?",
        "Find {}% of {}.",
        "{}% of {} = ?",
        "Compute {}% of {}.",
        "How many is {}% of {}?",
        "What number is {}% of {}?",
        "{}% of {} children sing. How many sing?",
        "{}% of {} eggs broke. How many broke?",
        "Save {}% of {} dollars. How much is saved?",
    )
    return rng.choice(asks).format(percent, base)
