"""Generators: sums, differences and numbers below zero."""

from __future__ import annotations

import random
from collections.abc import Callable

from skillray.domains.arithmetic.draft import Draft, ask, work
from skillray.domains.arithmetic.graph import has_borrow, has_carry

_RANGES = {1: ((10, 99), (2, 9)), 2: ((10, 99), (10, 99)), 3: ((100, 199), (10, 99))}
"""Level -> the ranges of the two operands."""


def addition_without_carry(level: int, rng: random.Random) -> Draft:
    a, b = _pair(level, rng, lambda a, b: not has_carry(a, b))
    return work(ask(f"{a}+{b}", rng), f"{a}+{b}={a + b}")


def addition_with_carry(level: int, rng: random.Random) -> Draft:
    a, b = _pair(level, rng, has_carry)
    return work(ask(f"{a}+{b}", rng), f"{a}+{b}={a + b}")


def subtraction_without_borrow(level: int, rng: random.Random) -> Draft:
    a, b = _pair(level, rng, lambda a, b: a > b and not has_borrow(a, b))
    return work(ask(f"{a}-{b}", rng), f"{a}-{b}={a - b}")


def subtraction_with_borrow(level: int, rng: random.Random) -> Draft:
    a, b = _pair(level, rng, lambda a, b: a > b and has_borrow(a, b))
    return work(ask(f"{a}-{b}", rng), f"{a}-{b}={a - b}")


def negative_numbers(level: int, rng: random.Random) -> Draft:
    a, b = rng.randint(2, 20), rng.randint(2, 20)
    if level == 1:
        low, high = b, b + a
        return work(ask(f"{low}-{high}", rng), f"{low}-{high}={low - high}")
    if level == 2:
        sign = rng.choice("+-")
        result = -a + b if sign == "+" else -a - b
        return work(ask(f"-{a}{sign}{b}", rng), f"-{a}{sign}{b}={result}")
    a, b = rng.randint(2, 12), rng.randint(2, 9)
    left, right = rng.choice(((-a, b), (a, -b), (-a, -b)))
    return work(ask(f"{left}*{right}", rng), f"{left}*{right}={left * right}")


def _pair(level: int, rng: random.Random, fits: Callable[[int, int], bool]) -> tuple[int, int]:
    """Two operands of the level that fit; every condition here holds for a large share of the pairs."""
    left, right = _RANGES[level]
    while True:
        a, b = rng.randint(*left), rng.randint(*right)
        if fits(a, b):
            return a, b
