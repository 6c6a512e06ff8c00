"""Generators: linear equations and arithmetic sequences."""

from __future__ import annotations

import random

from skillray.domains.arithmetic.draft import Draft, work


def one_step_equation(level: int, rng: random.Random) -> Draft:
    if level == 1:
        a, x = rng.randint(2, 49), rng.randint(2, 49)
        if rng.random() < 0.5:
            return work(_ask_one_step(f"x+{a}={x + a}", rng), f"{x + a}-{a}={x}")
        return work(_ask_one_step(f"x-{a}={x}", rng), f"{x}+{a}={x + a}")
    a, x = rng.randint(2, 9), rng.randint(2, 9)
    if level == 2:
        x *= rng.choice((1, 10))
        return work(_ask_one_step(f"{a}x={a * x}", rng), f"{a * x}/{a}={x}")
    x *= rng.choice((1, 10))
    return work(_ask_one_step(f"x/{a}={x}", rng), f"{x}*{a}={x * a}")


def two_step_equation(level: int, rng: random.Random) -> Draft:
    a, x, b = rng.randint(2, 5 if level == 1 else 9), rng.randint(2, 9), rng.randint(2, 40)
    if level == 1:
        c = a * x + b
        return work(_ask_two_steps(f"{a}x+{b}={c}", rng), f"{c}-{b}={a * x}", f"{a * x}/{a}={x}")
    if level == 2:
        b = rng.randint(1, a * x - 1)
        c = a * x - b
        return work(_ask_two_steps(f"{a}x-{b}={c}", rng), f"{c}+{b}={a * x}", f"{a * x}/{a}={x}")
    total = rng.randint(3, 9) * rng.choice((1, 10))
    b = rng.randint(1, total - 1)
    c = a * total
    return work(_ask_two_steps(f"{a}(x+{b})={c}", rng), f"{c}/{a}={total}", f"{total}-{b}={total - b}")


def arithmetic_sequence(level: int, rng: random.Random) -> Draft:
    start, step = rng.randint(2, 20), rng.randint(2, 9)
    terms = [start + step * i for i in range(4)]
    gap = f"{terms[1]}-{start}={step}"
    if level == 1:
        text = rng.choice(("Find the next term: {}.", "What comes next: {}?")).format(", ".join(map(str, terms)))
        return work(text, gap, f"{terms[3]}+{step}={terms[3] + step}")
    n = rng.randint(5, 10) if level == 2 else 10 * rng.randint(2, 9) + 1
    asks = ("Find term {} of {}, ...", "What is term {} of {}, ...?")
    text = rng.choice(asks).format(n, ", ".join(map(str, terms[:3])))
    rise = step * (n - 1)
    return work(text, gap, f"{n}-1={n - 1}", f"{step}*{n - 1}={rise}", f"{start}+{rise}={start + rise}")


def _ask_one_step(equation: str, rng: random.Random) -> str:
    return rng.choice(("Find x: {}.", "{}, x = ?")).format(equation)


def _ask_two_steps(equation: str, rng: random.Random) -> str:
    return rng.choice(("Solve {}.", "Solve for x: {}.")).format(equation)
