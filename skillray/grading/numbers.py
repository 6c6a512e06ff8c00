r"""Exact values of plain numbers, and of numbers with a unit: fractions, never floats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from skillray.grading.normalise import plain, unwrapped

MAX_ANSWER = 300
"""Characters of an answer that is parsed; the longest reference of the MATH test set has 81."""
MAX_EXPONENT = 1000
"""Of ten: a larger power is no answer, and takes memory."""
ROUNDED_DIGITS = 6
"""Significant digits from which on a decimal stands for the value that it is rounded from (math-verify rounds so)."""

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+(?!\s*/)|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d*)?|\.\d+)"
_SCIENTIFIC = re.compile(
    rf"(?P<factor>{_DECIMAL})\s*(?:[eE](?P<exponent>[-+]?\d{{1,4}})|(?:[x]|\\times|\\cdot)\s*10\s*\^\s*\{{\s*(?P<power>[-+]?\d{{1,4}})\s*\}})"
    r"|10\s*\^\s*\{\s*(?P<ten>[-+]?\d{1,4})\s*\}"
)
_REPEATING = re.compile(rf"(?P<start>{_DIGITS}?\.\d*)\\overline\s*\{{\s*(?P<period>\d+)\s*\}}")
_QUOTIENT = re.compile(rf"(?P<above>{_DIGITS})\s*/\s*(?P<below>{_DIGITS})")
_FRAC = re.compile(rf"\\frac\{{\s*(?P<above>-?{_DIGITS})\s*\}}\{{\s*(?P<below>{_DIGITS})\s*\}}")
_MIXED = re.compile(
    rf"(?P<whole>{_DIGITS})(?:\s+(?:and\s+)?(?P<above>{_DIGITS})\s*/\s*(?P<below>{_DIGITS})"
    rf"|\s*\\frac\{{\s*(?P<top>{_DIGITS})\s*\}}\{{\s*(?P<bottom>{_DIGITS})\s*\}})"
)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_SIGN = re.compile(r"\s*(?P<sign>[-+]?)\s*(?P<body>.*)", re.DOTALL)
_SCALES: Mapping[str, int] = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_SCALED = re.compile(rf"(.*\d)\s*({'|'.join(_SCALES)})", re.IGNORECASE | re.DOTALL)


def as_number(text: str) -> Fraction | None:
    r"""The exact value of a plain number, else None: commas, currency, %, decimals, `a/b`, `\frac{a}{b}`, mixed numbers
    (`1 1/2`, `1½`), exponents (`1.5e6`, `1.5 \times 10^6`), repeating decimals, "2 million".

    A mixed number is the sum of its parts: 12 1/2 is 25/2 and not 121/2.
    """
    if len(text) > MAX_ANSWER:
        return None
    if _PLAIN.fullmatch(text):
        return Fraction(text)
    bare = unwrapped(plain(text)).replace("%", "").strip() if text.count("%") == 1 else unwrapped(plain(text))
    if text.count("%") == 1 and not re.search(r"%\s*$|%\s*\$?$", plain(text)):
        return None
    bare = re.sub(r"^([-+]?)\s*[$€£¥]\s*(?=[-+\d.])|\s*[€£¥]$", r"\1", bare)
    bare = bare[1:-1].strip() if re.fullmatch(r"\{[^{}]*\}", bare) else bare
    if scaled := _SCALED.fullmatch(bare):
        value = as_number(scaled[1])
        return None if value is None else value * _SCALES[scaled[2].lower()]
    signed = _SIGN.fullmatch(bare)
    value = _magnitude(signed["body"].strip()) if signed else None
    return -value if value is not None and signed and signed["sign"] == "-" else value


def same_number(text: str, other: str) -> bool | None:
    """Whether two plain numbers are equal; None where one is none.

    They are compared exactly, but for a decimal of ROUNDED_DIGITS digits or more against a fraction that has no finite
    decimal: that is equal to what it is rounded from, for nobody can write 1/3 in full.
    """
    left, right = as_number(text), as_number(other)
    if left is None or right is None:
        return None
    return left == right or _rounds(text, left, right) or _rounds(other, right, left)


def rounding_error(decimal: str) -> Fraction | None:
    """Half of the last place of a decimal of ROUNDED_DIGITS significant digits or more; None for any other text."""
    match = re.fullmatch(r"-?(\d*)\.(\d+)", decimal.strip())
    if match is None or len((match[1] + match[2]).lstrip("0")) < ROUNDED_DIGITS:
        return None
    return Fraction(1, 2 * 10 ** len(match[2]))


def has_finite_decimal(value: Fraction) -> bool:
    below = value.denominator
    for prime in (2, 5):
        while below % prime == 0:
            below //= prime
    return below == 1


def _rounds(decimal: str, number: Fraction, value: Fraction) -> bool:
    error = rounding_error(decimal)
    return error is not None and not has_finite_decimal(value) and abs(number - value) <= error


def as_text(value: object) -> str:
    """A reference answer of a table as text, a number with all its digits and no exponent; "" for none and for NaN."""
    if value is None or value != value:  # a NaN is how pandas writes that there is none
        return ""
    if not isinstance(value, float):
        return str(value)
    written = f"{Decimal(repr(value)):f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def is_rounded(value: object) -> bool:
    """Whether a number is a double with more digits than it surely had: 2**53 and above, 16 digits or more."""
    if not isinstance(value, float) or not 2**53 <= abs(value) < float("inf"):
        return False
    return len(Decimal(repr(value)).normalize().as_tuple().digits) > 15


def _magnitude(body: str) -> Fraction | None:
    for pattern, read in _FORMS:
        if match := pattern.fullmatch(body):
            return read(match)
    return None


def _decimal(match: re.Match[str]) -> Fraction:
    return _number(match[0])


def _scientific(match: re.Match[str]) -> Fraction | None:
    exponent = int(match["exponent"] or match["power"] or match["ten"])
    return None if abs(exponent) > MAX_EXPONENT else _number(match["factor"] or "1") * Fraction(10) ** exponent


def _repeating(match: re.Match[str]) -> Fraction:
    digits, period = len(match["start"].rpartition(".")[2]), match["period"]
    return _number(match["start"]) + Fraction(int(period), (10 ** len(period) - 1) * 10**digits)


def _ratio(match: re.Match[str]) -> Fraction | None:
    below = _number(match["below"])
    return _number(match["above"]) / below if below else None


def _mixed(match: re.Match[str]) -> Fraction | None:
    below = _number(match["below"] or match["bottom"])
    return _number(match["whole"]) + _number(match["above"] or match["top"]) / below if below else None


def _number(digits: str) -> Fraction:
    bare = re.sub("[, ]", "", digits).removesuffix(".")
    return Fraction(bare if not bare.startswith(".") else "0" + bare) if bare not in ("", ".") else Fraction(0)


_FORMS = (
    (re.compile(_DECIMAL), _decimal),
    (_SCIENTIFIC, _scientific),
    (_REPEATING, _repeating),
    (_QUOTIENT, _ratio),
    (_FRAC, _ratio),
    (_MIXED, _mixed),
)
