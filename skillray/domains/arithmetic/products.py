"""Generators: products, divisions and mixed operations."""

from __future__ import annotations

import random

from skillray.domains.arithmetic.draft import Draft, ask, work


def single_digit_multiplication(level: int, rng: random.Random) -> Draft:
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    if level == 1:
        return work(_ask_product(a, b, rng), f"{a}*{b}={a * b}")
    if level == 2:
        a, b = rng.choice(((10 * a, b), (a, 10 * b)))
        return work(_ask_product(a, b, rng), f"{a}*{b}={a * b}")
    a, b = rng.choice(((2, 2), (2, 3), (3, 2), (2, 4), (4, 2), (3, 3)))
    c = rng.randint(2, 9) * rng.choice((1, 10))
    return work(ask(f"{a}*{b}*{c}", rng), f"{a}*{b}={a * b}", f"{a * b}*{c}={a * b * c}")


def multiplication_in_steps(level: int, rng: random.Random) -> Draft:
    tens = 10 * (rng.randint(1, 4) if level == 1 else rng.randint(1, 9))
    if level == 3:
        tens *= 10
    units, b = rng.randint(1, 9), rng.randint(2, 5 if level == 1 else 9)
    high, low = tens * b, units * b
    steps = (f"{tens}*{b}={high}", f"{units}*{b}={low}", f"{high}+{low}={high + low}")
    asks = ("Work out {}*{}.", "Work out {} times {}.", "Split and multiply {}*{}.")
    return work(rng.choice(asks).format(tens + units, b), *steps)


def exact_division(level: int, rng: random.Random) -> Draft:
    b, quotient = rng.randint(2, 9), rng.randint(2, 9)
    asks = ("What is {} / {}?", "Compute {} / {}.", "{} / {} = ?", "Divide {} by {}.", "Find {} divided by {}.")
    if level == 2:  # ten times the divisor goes first
        a = b * (10 + quotient)
        steps = (f"{10 * b}/{b}=10", f"{a - 10 * b}/{b}={quotient}", f"10+{quotient}={10 + quotient}")
        return work(rng.choice(asks).format(a, b), *steps)
    quotient *= 1 if level == 1 else rng.choice((10, 100))
    return work(rng.choice(asks).format(b * quotient, b), f"{b * quotient}/{b}={quotient}")


def division_with_remainder(level: int, rng: random.Random) -> Draft:
    b = {1: rng.randint(3, 5), 2: rng.randint(6, 9), 3: 10 * rng.randint(2, 5)}[level]
    quotient, remainder = rng.randint(2, 9), rng.randint(1, b - 1)
    a = b * quotient + remainder
    steps = (f"{b}*{quotient}={b * quotient}", f"{a}-{b * quotient}={remainder}")
    part, answer = rng.choice((("quotient", quotient), ("remainder", remainder)))
    text = rng.choice(("What is the {} of {} / {}?", "Find the {} of {} / {}.")).format(part, a, b)
    return Draft(text, steps, str(answer))


def order_of_operations(level: int, rng: random.Random) -> Draft:
    a, b, c, d = (rng.randint(2, 9) for _ in range(4))
    if level == 1:
        a = rng.randint(2, 40)
        return work(ask(f"{a}+{b}*{c}", rng), f"{b}*{c}={b * c}", f"{a}+{b * c}={a + b * c}")
    if level == 3:
        ab, cd = a * b, c * d
        return work(ask(f"{a}*{b}+{c}*{d}", rng), f"{a}*{b}={ab}", f"{c}*{d}={cd}", f"{ab}+{cd}={ab + cd}")
    if rng.random() < 0.5:
        ab, c = a * b, rng.randint(1, a * b - 1)
        return work(ask(f"{a}*{b}-{c}", rng), f"{a}*{b}={ab}", f"{ab}-{c}={ab - c}")
    a = rng.randint(1, 9 - min(b, 8))
    return work(ask(f"({a}+{b})*{c}", rng), f"{a}+{b}={a + b}", f"{a + b}*{c}={(a + b) * c}")


def _ask_product(a: int, b: int, rng: random.Random) -> str:
    asks = ("What is {}*{}?", "Compute {}*{}.", "{}*{} = ?", "Multiply {} by {}.", "Find {} times {}.")
    return rng.choice(asks).format(a, b)
