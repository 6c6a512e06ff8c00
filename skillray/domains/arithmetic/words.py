"""Generators: short stories that take one or two steps."""

from __future__ import annotations

import random

from skillray.domains.arithmetic.draft import Draft, work

_NAMES = ("Tom", "Ana", "Ben", "Mia", "Sam")
_THINGS = ("apples", "pens", "cards", "shells")


def one_step_word_problem(level: int, rng: random.Random) -> Draft:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    if level == 1:
        a, b = rng.randint(3, 60), rng.randint(2, 39)
        return work(f"{name} has {a} {thing} and buys {b} more. How many {thing}?", f"{a}+{b}={a + b}")
    if level == 2:
        b = rng.randint(2, 49)
        a = b + rng.randint(2, 50)
        return work(f"{name} has {a} {thing} and loses {b}. How many are left?", f"{a}-{b}={a - b}")
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    if rng.random() < 0.5:
        return work(f"{name} has {a} bags of {b} {thing}. How many {thing}?", f"{a}*{b}={a * b}")
    return work(f"{name} puts {a * b} {thing} into {b} equal bags. How many a bag?", f"{a * b}/{b}={a}")


def two_step_word_problem(level: int, rng: random.Random) -> Draft:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    if level == 1:
        a, b = rng.randint(10, 50), rng.randint(5, 40)
        c = rng.randint(2, a + b - 2)
        text = f"{name} has {a} {thing}, buys {b} and loses {c}. How many are left?"
        return work(text, f"{a}+{b}={a + b}", f"{a + b}-{c}={a + b - c}")
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    if level == 2:
        c = rng.randint(2, 30)
        text = f"{name} has {a} bags of {b} {thing} and buys {c} more. How many {thing}?"
        return work(text, f"{a}*{b}={a * b}", f"{a * b}+{c}={a * b + c}")
    c = rng.randint(2, 30)
    total = a * b + c
    text = f"{name} has {total} {thing}, loses {c} and puts the rest into {b} equal bags. How many a bag?"
    return work(text, f"{total}-{c}={a * b}", f"{a * b}/{b}={a}")
