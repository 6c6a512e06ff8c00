r"""Whether two formulas have the same value: exactly where both are rational, else to hundreds of digits.

A difference is never zero because it is small. Rational values are compared as fractions. Other constants are equal
when their difference, evaluated by sympy to 15 digits with up to MAX_DIGITS digits of working precision, stays zero: no
two formulas of MAX_ANSWER characters that differ and are not built to deceive agree so far. Formulas with variables are
equal when they are at every one of POINTS rational points at which both are real (identities of rational functions hold
nowhere by chance: Schwartz-Zippel), negative ones among them, so that `\sqrt{x^2}` is not `x`.

Formulas are read by latex2sympy2_extended (math-verify's grammar). It stops at what it does not know and ignores some
signs, so a formula is given to it in parentheses, and only when it holds nothing but what the grammar reads right; any
other is a text. Nothing is evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from skillray.grading.normalise import compact
from skillray.grading.numbers import as_number, rounding_error, same_number

MAX_DIGITS = 400
"""Of working precision, after which a difference counts as none."""
POINTS = tuple(
    tuple(Fraction(sign * (7 * n * n + 13 * n + 5 * i * i + i), 11 * n + 3 + 2 * i) for i in range(1, 14))
    for sign in (1, -1)
    for n in (1, 2, 3, 5)
)
"""Values of the variables in alphabetical order, one tuple a trial: rational, half of them negative. Ours."""
MIN_REAL = 3
"""Trials at which both sides must be real, where they are at any."""

_COMMANDS_TEXT = (
    "frac sqrt cdot times div pi sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp binom "
    "infty alpha beta gamma delta epsilon theta lambda mu nu rho sigma tau phi psi omega Delta Gamma Omega "
    "lfloor rfloor lceil rceil circ triangle angle varphi zeta eta kappa max min gcd lcm"
)
_COMMANDS = frozenset(_COMMANDS_TEXT.split())
_SIGNS = re.compile(r"(?:[A-Za-z0-9\s+\-/^_{}()|!.,\[\]]|\\[A-Za-z]+)*")
_PRODUCT = re.compile(
    r"(?<![A-Za-z\\])((?:\\(?:pi|alpha|beta|theta))|[a-eg-zA-Z])(?=\()|(?<=[a-zA-Z])_\{?(\w)\}?(?=\()"
)
_MISREAD = re.compile(r"\d\s+\d|\d[eE][-+]?\d|\d\s*_|!\s*!|\^\{?\s*T\b|\d,\d{1,2}(?!\d)|[A-Za-z]{4,}|I")
"""Numbers side by side, exponents, bases, double factorials, transposes, decimal commas, words; I is its unit too."""
_DERIVATIVE = re.compile(r"\\frac\s*\{\s*d")
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?|[A-Za-z]|\\[a-z]+|\([^()]*\)|\\frac\{[^{}]*\}\{[^{}]*\})\s*\^\\circ")
_FUNCTION_OF_DEGREES = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")


def same_value(text: str, other: str) -> bool:
    """Whether two formulas in plain spelling are equal. It may never end: only a child that can be killed calls it."""
    if compact(text) == compact(other):
        return True
    number = same_number(text, other)
    if number is not None:
        return number
    first, second = expression(text), expression(other)
    if first is None or second is None:
        return False
    return _is_rounding(text, second) or _is_rounding(other, first) or _equal(first, second)


def proportional(left: str, right: str, other_left: str, other_right: str) -> bool:
    """Whether two equations say the same up to a factor: `x - 2z = 0` and `2x = 4z`."""
    first, second = (_difference(*sides) for sides in ((left, right), (other_left, other_right)))
    if first is None or second is None or not first.free_symbols or first.free_symbols != second.free_symbols:
        return False
    values = [(_at(first, point), _at(second, point)) for point in POINTS]
    finite = [(a, b) for a, b in values if a is not None and b is not None and a.is_real and b.is_real]
    base = next(((a, b) for a, b in finite if not _is_zero(a) and not _is_zero(b)), None)
    return base is not None and len(finite) >= MIN_REAL and all(_is_zero(a * base[1] - b * base[0]) for a, b in finite)


@lru_cache(maxsize=512)
def expression(text: str) -> Any:
    """The sympy expression of a formula in plain spelling, decimals exact; None for what is not surely read right."""
    import sympy

    number = as_number(text)
    if number is not None:
        return sympy.Rational(number.numerator, number.denominator)
    written = _readable(text)
    if written is None:
        return None
    try:
        return _parsed(written)
    except Exception:  # the grammar raises bare exceptions for what it cannot read: that is a text, and no fault
        return None


def _parsed(written: str) -> Any:
    import sympy
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig

    config = ConversionConfig(lowercase_symbols=False)
    parsed = latex2sympy(f"({written})", normalization_config=None, conversion_config=config)
    if not isinstance(parsed, sympy.Expr) or parsed.has(sympy.Float, sympy.nan):
        return None
    names = {symbol: sympy.I for symbol in parsed.free_symbols if symbol.name == "i"}
    return parsed.xreplace({symbol: sympy.Symbol(symbol.name) for symbol in parsed.free_symbols} | names).doit()


def _readable(text: str) -> str | None:
    """What the grammar is given; None where it holds something that the grammar would leave out or read wrong."""
    text = _in_radians(text.strip())
    if not _SIGNS.fullmatch(text) or _DERIVATIVE.search(text) or _MISREAD.search(re.sub(r"\\[A-Za-z]+", " ; ", text)):
        return None
    if not set(re.findall(r"\\([A-Za-z]+)", text)) <= _COMMANDS:
        return None
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = _DECIMAL.sub(lambda match: rf"(\frac{{{match[1]}{match[2]}}}{{1{'0' * len(match[2])}}})", text)
    return _PRODUCT.sub(lambda match: match[0] + r" \cdot ", text)


def _in_radians(text: str) -> str:
    r"""Degrees in a formula: `\cos 9^\circ`."""
    return _DEGREES.sub(r"(\\frac{\1 \\pi}{180})", text) if _FUNCTION_OF_DEGREES.search(text) else text


def _is_rounding(decimal: str, value: Any) -> bool:
    """Whether `decimal` is `value`, which has no finite decimal, rounded (`numbers.rounding_error`)."""
    error, exact = rounding_error(decimal), as_number(decimal)
    if error is None or exact is None or value.free_symbols or value.is_Rational:
        return False
    difference = _evaluated(value - _rational(exact))
    return difference is not None and bool(difference.is_real) and bool(abs(difference) <= _rational(error))


def _rational(value: Fraction) -> Any:
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


def _difference(left: str, right: str) -> Any:
    first, second = expression(left), expression(right)
    return None if first is None or second is None else first - second


def _equal(first: Any, second: Any) -> bool:
    if first == second:
        return True
    symbols = first.free_symbols | second.free_symbols
    if not symbols:
        return _is_zero(first - second)
    num_real, complex_zeros = 0, list[bool]()
    for a, b in _trials(first, second):
        if a is None or b is None:
            continue
        if a.is_real and b.is_real:
            num_real += 1
            if not _is_zero(a - b):
                return False
        else:
            complex_zeros.append(_is_zero(a - b))
    return num_real >= MIN_REAL or (all(complex_zeros) and num_real + len(complex_zeros) >= MIN_REAL)


def _trials(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    names = sorted(first.free_symbols | second.free_symbols, key=str)
    for point in POINTS:
        if len(names) <= len(point):
            yield _at(first, point, names), _at(second, point, names)


def _at(value: Any, point: tuple[Fraction, ...], names: list[Any] | None = None) -> Any:
    """The exact value at a point; None where it has none."""
    names = sorted(value.free_symbols, key=str) if names is None else names
    at = value.subs({name: _rational(number) for name, number in zip(names, point, strict=False)})
    return at if at.is_finite is not False and at.is_number else None


def _is_zero(value: Any) -> bool:
    if value.is_Rational:
        return bool(value == 0)
    evaluated = _evaluated(value)
    return evaluated is not None and bool(evaluated == 0)


def _evaluated(value: Any) -> Any:
    """15 digits of a constant, zero where MAX_DIGITS digits of precision leave none; None where it has no value."""
    import sympy

    digits = value.evalf(15, maxn=MAX_DIGITS, chop=False)
    if not digits.is_number or digits.has(sympy.nan, sympy.zoo, sympy.oo):
        return None
    parts = [part for part in digits.as_real_imag() if not _is_noise(part)]
    return digits if parts else sympy.Integer(0)


def _is_noise(part: Any) -> bool:
    """What sympy returns with one bit of precision where no digit is sure."""
    return bool(part == 0 or (part.is_Float and part._prec <= 1))
