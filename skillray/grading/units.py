r"""Units behind a number: told apart from what changes its value, and compared where both are ones that we know.

A unit that only one side writes says nothing, for the question names it. Two known ones must agree: 90 minutes are 1.5
hours, and 10 km are not 10 m. Words that we do not know (18 apples) say nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from skillray.grading.normalise import unwrapped


@dataclass(frozen=True)
class Unit:
    """A factor to the basic unit, and the powers of the dimensions, sorted by name."""

    factor: Fraction
    dimensions: tuple[tuple[str, int], ...]


_TABLE: Mapping[str, Mapping[str, str | None]] = {
    "length": {
        "mm millimeter millimetre": "1/1000",
        "cm centimeter centimetre": "1/100",
        "dm decimeter decimetre": "1/10",
        "m meter metre": "1",
        "km kilometer kilometre": "1000",
        "in inch inches": "254/10000",
        "ft foot feet": "3048/10000",
        "yd yard": "9144/10000",
        "mi mile": "1609344/1000",
    },
    "mass": {
        "mg milligram": "1/1000000",
        "g gm gram gramme": "1/1000",
        "kg kilogram kilo": "1",
        "oz ounce": "28349523125/1000000000000",
        "lb lbs pound": "45359237/100000000",
        "ton": "1000",
    },
    "time": {
        "s sec second": "1",
        "min minute": "60",
        "h hr hour": "3600",
        "day": "86400",
        "week wk": "604800",
        "month": None,
        "year yr": None,
    },
    "money": {"cent penny pennies ¢": "1/100", "dollar usd buck $": "1"},
    "euro": {"euro eur €": "1"},
    "sterling": {"gbp £": "1"},
    "volume": {
        "ml milliliter millilitre": "1/1000",
        "l liter litre": "1",
        "gallon gal": None,
        "quart": None,
        "pint": None,
    },
    "angle": {r"\circ degree deg": "1", "radian rad": None},
    "morning": {"am a.m.": "1"},
    "evening": {"pm p.m.": "1"},
}


def _units() -> Mapping[str, Unit]:
    units: dict[str, Unit] = {}
    for dimension, names in _TABLE.items():
        for spellings, factor in names.items():
            own = dimension if factor else spellings.split()[0]  # a month has no fixed number of days
            for name in spellings.split():
                units[name] = Unit(Fraction(factor or 1), ((own, 1),))
    units["mph"] = Unit(Fraction(1609344, 3600000), (("length", 1), ("time", -1)))
    units["kmh"] = units["kph"] = Unit(Fraction(1000, 3600), (("length", 1), ("time", -1)))
    return units


UNITS = _units()
_POWER_WORDS = {"square": 2, "sq": 2, "sq.": 2, "cubic": 3, "cu": 3, "cu.": 3}
_CHANGES_TEXT = (
    "or and to than not no minus plus times divided over squared cubed square cube factorial negative below "
    "above choose mod modulo remainder half halves third thirds fourth fourths fifth fifths sixth sixths "
    "seventh sevenths eighth eighths ninth ninths tenth tenths hundredth hundredths thousandth thousandths "
    "hundred thousand million billion trillion root percent per of between but sin cos tan cot sec csc log ln "
    "exp sqrt pi theta alpha infty i e x y z"
)
_CHANGES = frozenset(_CHANGES_TEXT.split())
"""Words behind a number that change its value, or that make no unit alone."""
_WORD = r"(?:[A-Za-zµ¢]{2,}\.?|[a-z]\.[a-z]\.|\$|€|£)"
_ATOM = r"(?:[A-Za-zµ]+\.?|\\circ)"
_COMPOUND = rf"{_ATOM}(?:\s*\^\s*\{{?-?\d\}}?)?(?:\s*(?:/|\\cdot)\s*{_ATOM}(?:\s*\^\s*\{{?-?\d\}}?)?)*"
_SYMBOLS = re.compile(rf"(?P<value>.*[\d)}}%])(?P<space>\s*)(?P<unit>{_COMPOUND})\.?", re.DOTALL)
_WORDS = re.compile(
    rf"(?P<value>.*?[\d)}}])\s+(?P<unit>{_WORD}(?:[\s/-]+(?:[A-Za-z]+\.?|[A-Za-z]\.[A-Za-z]\.))*(?:\s*\^\s*\{{?\d\}}?)?)\.?",
    re.DOTALL,
)
_TEXT_UNIT = re.compile(
    r"(?P<value>.*\S)\s*\\(?:text|mbox|mathrm)\s*\{(?P<unit>[^{}]*)\}\s*(?P<power>\^\s*\{?\d\}?)?\.?", re.DOTALL
)
_DEGREES = re.compile(r"(?P<value>.*[\d)}A-Za-z])\s*\^\\circ\s*(?P<scale>[CFK])?", re.DOTALL)
_MONEY = re.compile(r"(?P<sign>[-+]?)\s*(?P<unit>[$€£])\s*(?P<value>[-\d.\\(].*)", re.DOTALL)


def split_unit(text: str) -> tuple[str, str]:
    """(value, unit) of an answer in plain spelling; the unit is "" where there is none."""
    if money := _MONEY.fullmatch(text):
        value, behind = split_unit(money["value"])
        return money["sign"] + value, behind or money["unit"]
    if degrees := _DEGREES.fullmatch(text):
        return degrees["value"].strip(), "\\circ" + (degrees["scale"] or "")
    if written := _TEXT_UNIT.fullmatch(text):
        unit = written["unit"].strip()
        words = unit.lower().strip(".,").split()
        if not _CHANGES & set(words[:1]) - {"square"} and not re.search(r"\d", unit) and words:
            return written["value"].strip(" ,"), unit + (written["power"] or "")
    bare = unwrapped(text)
    symbols = _SYMBOLS.fullmatch(bare)
    if symbols and _is_symbol(symbols["unit"], bool(symbols["space"])):
        return symbols["value"].strip(), symbols["unit"]
    words = _WORDS.fullmatch(bare)
    if words and _are_words(words["unit"]):
        return words["value"].strip(), words["unit"]
    return text, ""


def known(unit: str) -> Unit | None:
    """The unit that a text names, in symbols or words: `km/h`, "square feet", "miles per hour"; else None."""
    text = unwrapped(unit).replace("²", "^2").replace("³", "^3")
    text = re.sub(r"\b(?:an?|per)\b", "/", text.replace("per", " per ")) if " per " in f" {text} " else text
    factor, powers, sign = Fraction(1), dict[str, int](), 1
    power_before = 1
    for token in re.findall(r"/|\\circ|[$€£¢]|[A-Za-z.]+|\^\s*\{?-?\d\}?", text):
        if token == "/":
            sign = -1
        elif token.lower() in _POWER_WORDS:
            power_before = _POWER_WORDS[token.lower()]
        elif not token.startswith("^"):
            base = _named(token)
            power = _power_behind(text, token) * power_before * sign
            if base is None:
                return None
            factor *= base.factor**power
            for dimension, own in base.dimensions:
                powers[dimension] = powers.get(dimension, 0) + own * power
            power_before = 1
    return Unit(factor, tuple(sorted(powers.items()))) if powers else None


def _power_behind(text: str, token: str) -> int:
    power = re.search(re.escape(token) + r"\s*(?:\^\s*\{?(-?\d)\}?|(squared|cubed))", text)
    if not power:
        return 1
    return int(power[1]) if power[1] else {"squared": 2, "cubed": 3}[power[2]]


def _named(token: str) -> Unit | None:
    for name in (token, token.rstrip("."), token.lower(), token.lower().rstrip(".")):
        for singular in (name, name.removesuffix("s"), name.removesuffix("es")):
            if singular in UNITS and (len(singular) > 1 or singular == token):
                return UNITS[singular]
    return None


def _is_symbol(unit: str, spaced: bool) -> bool:
    """Whether letters behind a number are a unit: `10 km/h`, `3cm^2`; `10m` may be ten times m, and `2 x` is two x."""
    atoms = re.findall(r"[A-Za-zµ]+\.?|\\circ", unit)
    if not all(_named(atom) for atom in atoms):
        return False
    return spaced or len(atoms[0]) > 1 or "/" in unit


def _are_words(unit: str) -> bool:
    words = [word for word in re.split(r"[\s/-]+", unit.lower()) if word and not word.startswith("^")]
    if words[0] in _CHANGES - {"square"} or {"or", "and", "than", "minus", "plus", "below"} & set(words):
        return False
    return known(unit) is not None or len(words[0]) > 3 or words[0] in _SHORT


_SHORT_TEXT = (
    "cm mm km kg mg ft in yd mi oz lb lbs hr hrs min mins sec am pm am. pm. usd mph pie men day cup way toy car egg "
    "hat bag box cat dog pen boy cow hen kid jar can"
)
_SHORT = frozenset(_SHORT_TEXT.split())
"""Words of three letters or fewer that are counted or measured; other short ones are letters of algebra."""
