"""A small, safe reader of `20-5` and `1/4+2/4`: exact fractions, bounded size, no evaluation of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARS = 200
"""Most characters of an expression; this and the next three bound the time that any input can take."""
MAX_TOKENS = 64
MAX_DIGITS = 12
"""Most characters of a number, its decimal point included."""
MAX_DEPTH = 8
"""Most brackets and signs inside each other."""
LARGEST = 10**15
"""Numerators and denominators beyond this are refused; with it no input can make the arithmetic slow."""

_TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?|\.[0-9]+)|([-+*/()x%]))")
_SIGNS = str.maketrans({"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-"})


class ExpressionError(ValueError):
    """The text is not an expression that this reader takes; one short line says why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A leaf: a written number, or the unknown x."""

    value: Fraction
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """`left sign right`, sign one of + - * /."""

    sign: str
    left: Expression
    right: Expression


Expression = Number | Operation


def parse(text: str, x: Fraction | None = None) -> Expression:
    """Read an expression; `x`, where given, is the value that the letter x stands for."""
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"longer than {MAX_CHARS} characters")
    return _Reader(_tokens(text), x).read()


def value_of(expression: Expression) -> Fraction:
    """The exact value; `ExpressionError` for a division by zero or a value beyond the bounds."""
    if isinstance(expression, Number):
        return expression.value
    return apply(expression.sign, value_of(expression.left), value_of(expression.right))


def apply(sign: str, left: Fraction, right: Fraction) -> Fraction:
    """One operation, refused when it divides by zero or leaves the bounds."""
    if sign == "/" and right == 0:
        raise ExpressionError("division by zero")
    result = {"+": left.__add__, "-": left.__sub__, "*": left.__mul__}.get(sign, left.__truediv__)(right)
    if max(abs(result.numerator), result.denominator) > LARGEST:
        raise ExpressionError("too large")
    return result


def operations(expression: Expression) -> Iterator[Operation]:
    """Every operation that has to be worked out, innermost first; a written fraction such as 3/4 is a number."""
    if isinstance(expression, Operation) and not is_fraction(expression):
        yield from operations(expression.left)
        yield from operations(expression.right)
        yield expression


def leaves(expression: Expression) -> Iterator[Expression]:
    """The numbers and written fractions that an expression starts from."""
    if isinstance(expression, Number) or is_fraction(expression):
        yield expression
    else:
        yield from leaves(expression.left)
        yield from leaves(expression.right)


def is_fraction(expression: Expression) -> bool:
    """True for a written fraction (3/4), False for a division that comes out whole (84/4) and for all else."""
    if not isinstance(expression, Operation) or expression.sign != "/":
        return False
    parts = (expression.left, expression.right)
    if not all(isinstance(part, Number) and part.value.denominator == 1 and not part.is_unknown for part in parts):
        return False
    return value_of(expression.right) != 0 and value_of(expression).denominator != 1


def _tokens(text: str) -> list[str]:
    text = text.translate(_SIGNS).rstrip()
    tokens: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"unexpected character {text[at]!r}")
        token = match.group(1) or match.group(2)
        if len(token) > MAX_DIGITS:
            raise ExpressionError(f"a number of more than {MAX_DIGITS} digits")
        tokens.append(token)
        at = match.end()
    if len(tokens) > MAX_TOKENS:
        raise ExpressionError(f"more than {MAX_TOKENS} tokens")
    return tokens


class _Reader:
    """Recursive descent; depth is bounded by counting open brackets and signs."""

    def __init__(self, tokens: list[str], x: Fraction | None) -> None:
        self._tokens = tokens
        self._x = x
        self._at = 0
        self._depth = 0

    def read(self) -> Expression:
        result = self._sum()
        if self._at < len(self._tokens):
            raise ExpressionError(f"unexpected {self._tokens[self._at]!r}")
        return result

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self._at += 1
        return token

    def _sum(self) -> Expression:
        left = self._product()
        while self._next() in ("+", "-"):
            left = Operation(self._take(), left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while True:
            if self._next() in ("*", "/"):
                left = Operation(self._take(), left, self._factor())
            elif self._next() in ("x", "("):  # 3x and 2(x+1) multiply without a sign
                left = Operation("*", left, self._factor())
            else:
                return left

    def _factor(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}")
        result = self._signed() if self._next() in ("-", "+") else self._atom()
        while self._next() == "%":
            self._take()
            result = Number(value_of(result) / 100)
        self._depth -= 1
        return result

    def _signed(self) -> Expression:
        sign, inner = self._take(), self._factor()
        if sign == "+":
            return inner
        # A negative number stays a leaf: its sign is nothing that has to be worked out.
        return Number(-inner.value) if isinstance(inner, Number) else Operation("-", Number(Fraction(0)), inner)

    def _atom(self) -> Expression:
        token = self._take()
        if token == "x" and self._x is not None:
            return Number(self._x, is_unknown=True)
        if token == "(":
            inner = self._sum()
            if self._take() != ")":
                raise ExpressionError("an open bracket")
            return inner
        if token and (token[0] in "0123456789."):
            return Number(Fraction(token))
        raise ExpressionError(f"unexpected {token!r}" if token else "it ends too early")
