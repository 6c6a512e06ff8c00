r"""Are two final answers equal? Texts first, exact numbers next, then what they are made of, part by part.

A wrong answer that counts as right hides a missing skill, so whatever is not understood is equal only to the same text.
Both orders of the two answers give the same.
"""

from __future__ import annotations

import re

from skillray.grading.formulas import Formula, Matrix, Part, Relation, Several, Union, Words, as_words, parse
from skillray.grading.normalise import clean, compact, plain, unwrapped
from skillray.grading.numbers import as_number, same_number
from skillray.grading.units import known, split_unit
from skillray.grading.values import proportional, same_value

_CHOICES = (
    re.compile(r"\(\s*([A-Za-z])\s*\)\s*[.:]?\s*(.*)", re.DOTALL),
    re.compile(r"([A-Z])\s*(?:\)|[.:](?=\s|$))\s*(.*)", re.DOTALL),
    re.compile(r"([a-z])\s*\)\s*(.*)", re.DOTALL),
    re.compile(r"(?:option|choice|answer)\s*\(?([A-Za-z])\)?(?![A-Za-z])\s*[.:]?\s*(.*)", re.DOTALL | re.IGNORECASE),
    re.compile(r"([A-Z])(\s*)"),
)
_NO_OPTION = re.compile(r"[-+*/^=<>(,;&']|\\(?:cdot|times|le|ge|cup|in)\b|(?:and|or)\b|[A-Z]\.")
_FLIPPED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
_NAME = re.compile(r"(?:[^\W\d_]|\\[A-Za-z]+|[\s_{}()'|,/^]|(?<=[_{])\w)+")
_CLOSED = {r"\le": "]", r"\ge": "]", "<": ")", ">": ")"}
_ANGLE = re.compile(
    r"(?P<sign>-?)(?P<degrees>\d+)\s*\^\\circ\s*(?P<minutes>\d+(?:\.\d+)?)\s*'(?:\s*(?P<seconds>\d+(?:\.\d+)?)\s*'')?"
)
_DIGITS = re.compile(r"-?\d+(?:\.\d+)?")
_STATEMENT = re.compile(r"[A-Za-z][A-Za-z ,']* (?:is|are|was|equals|be)\s+(?P<value>.*\d.*)", re.DOTALL)


def quick_equal(answer: str, reference: str) -> bool | None:
    """Whether equal texts, choices, words or exact numbers decide, and how; None where formulas must be read."""
    if compact(clean(answer)) == compact(clean(reference)):
        return True
    if _DIGITS.fullmatch(answer) and _DIGITS.fullmatch(reference):
        return same_number(answer, reference)
    left, right = plain(answer), plain(reference)
    if compact(left) == compact(right):
        return True
    if (chosen := _same_choice(left, right)) is not None:
        return chosen
    words, others = as_words(left), as_words(right)
    if words and others:
        return words == others
    number = same_number(left, right)
    return None if "%" in left + right and not number else number


def equal(answer: str, reference: str) -> bool:
    """Whether two answers say the same. It may never end: only a child that can be killed calls it."""
    quick = quick_equal(answer, reference)
    if quick is not None:
        return quick
    left, right = (_option_or_all(plain(text)) for text in (answer, reference))
    if plain(answer) != left or plain(reference) != right:
        return equal(left, right)
    return _same_texts(_statement(left), _statement(right))


def _statement(text: str) -> str:
    """The value of "the price is 5"; the text itself where it is no such sentence."""
    match = _STATEMENT.fullmatch(unwrapped(text))
    return match["value"] if match else text


def _same_texts(left: str, right: str) -> bool:
    left, right = _in_degrees(left), _in_degrees(right)
    return same(parse(left), parse(right)) or _same_quantity(left, right)


def _same_quantity(left: str, right: str) -> bool:
    """Values with a percent sign or a unit, on one side or on both."""
    if "%" in left + right:
        return _same_share(left, right)
    (value, unit), (other, other_unit) = split_unit(left), split_unit(right)
    if not unit and not other_unit:
        return False
    if {unit, other_unit} == {"\\circ", ""} and r"\pi" in left + right:  # an angle in degrees, the other in radians
        degrees, radians = (value, other) if unit else (other, value)
        return same(parse(rf"\frac{{\pi}}{{180}} \cdot ({degrees})"), parse(radians))
    first, second = known(unit), known(other_unit)
    if first is None or second is None or first == second:
        return same(parse(value), parse(other))
    if first.dimensions != second.dimensions:
        return False
    ratio = first.factor / second.factor
    return same(parse(rf"\frac{{{ratio.numerator}}}{{{ratio.denominator}}} \cdot ({value})"), parse(other))


def _same_share(left: str, right: str) -> bool:
    """50% is 0.5, and also 50 where the question asks for percent."""
    value, other = (re.sub(r"\s*%\s*$", "", text) for text in (left, right))
    if "%" in value + other:
        return False
    if same(parse(value), parse(other)):
        return True
    if value != left and other != right:
        return False
    return same(
        parse(f"({value})/100" if value != left else value), parse(f"({other})/100" if other != right else other)
    )


def _in_degrees(text: str) -> str:
    """Minutes and seconds of an angle as decimals of its degrees."""
    angle = _ANGLE.fullmatch(text)
    if angle is None:
        return text
    parts = (as_number(angle["degrees"]), as_number(angle["minutes"]), as_number(angle["seconds"] or "0"))
    total = sum((part or 0) / 60**n for n, part in enumerate(parts))
    return rf"{angle['sign']}{total}^\circ"


def same(part: Part, other: Part) -> bool:
    """Whether two structures are equal."""
    if isinstance(other, Union) or isinstance(part, Union):
        part, other = _as_union(part), _as_union(other)
    if isinstance(part, Relation) or isinstance(other, Relation):
        return _same_relations(part, other)
    match part, other:
        case (Words(), _) | (_, Words()):
            return part == other
        case Formula(left), Formula(right):
            return same_value(left, right)
        case Union(parts), Union(others):
            return _same_members(parts, others)
        case Matrix(rows), Matrix(others_rows):
            return [len(row) for row in rows] == [len(row) for row in others_rows] and all(
                same(a, b)
                for row, others in zip(rows, others_rows, strict=True)
                for a, b in zip(row, others, strict=True)
            )
        case (Matrix(rows), Several() as vector) | (Several() as vector, Matrix(rows)):
            return _same_vector(rows, vector)
        case Several(), Several():
            return _same_several(part, other)
        case (Several(items, left), single) | (single, Several(items, left)) if left in ("", "{") and len(items) == 1:
            return same(items[0], single)
    return False


def _as_union(part: Part) -> Part:
    r"""`x < 3 or x > 5`, and `x \ne 3`, as the union of two intervals."""
    if isinstance(part, Relation) and part.signs == (r"\ne",) and _is_name(part.sides[0]):
        hole, infinity = part.sides[1], r"\infty"
        return Union((Several((Formula("-" + infinity), hole), "(", ")"), Several((hole, Formula(infinity)), "(", ")")))
    if not isinstance(part, Several) or part.left or not all(isinstance(item, Relation) for item in part.items):
        return part
    intervals = [_as_interval(item) for item in part.items if isinstance(item, Relation)]
    names = [_variable(item) for item in part.items if isinstance(item, Relation)]
    if None in intervals or any(name != names[0] for name in names):
        return part
    return Union(tuple(interval for interval in intervals if interval))


def _same_vector(rows: tuple[tuple[Part, ...], ...], vector: Several) -> bool:
    """A column of a matrix and a tuple."""
    return all(len(row) == 1 for row in rows) and same(Several(tuple(row[0] for row in rows), "(", ")"), vector)


def _same_several(part: Several, other: Several) -> bool:
    sets = [several.left in ("", "{") for several in (part, other)]
    if len(part.items) != len(other.items):
        return False
    if all(sets):
        if all(_is_label(item) for several in (part, other) for item in several.items) and not (
            part.left or other.left
        ):
            return all(same(a, b) for a, b in zip(part.items, other.items, strict=True))  # an order of letters
        return _same_members(part.items, other.items)
    brackets = (part.left, part.right) == (other.left, other.right)
    return brackets and all(same(a, b) for a, b in zip(part.items, other.items, strict=True))


def _is_label(part: Part) -> bool:
    r"""A letter or a word of a list: `\text{A}, \text{C}`."""
    return isinstance(part, Words) or (isinstance(part, Formula) and bool(re.fullmatch(r"[A-Z]", unwrapped(part.text))))


def _same_members(parts: tuple[Part, ...], others: tuple[Part, ...]) -> bool:
    """The same parts in any order, each as often."""
    left = list(others)
    for part in parts:
        place = next((i for i, other in enumerate(left) if same(part, other)), None)
        if place is None:
            return False
        del left[place]
    return not left


def _same_relations(part: Part, other: Part) -> bool:
    if isinstance(part, Relation) and isinstance(other, Relation):
        return _same_chain(part, other) or _same_chain(part, _reversed(other)) or _same_equation(part, other)
    relation, value = (part, other) if isinstance(part, Relation) else (other, part)
    assert isinstance(relation, Relation)
    interval = _as_interval(relation)
    if interval is not None:
        return same(interval, value)
    named = _named_value(relation)
    return named is not None and same(named, value)


def _same_chain(part: Relation, other: Relation) -> bool:
    if part.signs != other.signs:
        first, second = _as_interval(part), _as_interval(other)
        return first is not None and second is not None and _variable(part) == _variable(other) and same(first, second)
    return all(same(a, b) for a, b in zip(part.sides, other.sides, strict=True))


def _reversed(relation: Relation) -> Relation:
    return Relation(relation.sides[::-1], tuple(_FLIPPED.get(sign, sign) for sign in relation.signs[::-1]))


def _same_equation(part: Relation, other: Relation) -> bool:
    if part.signs != ("=",) or other.signs != ("=",):
        return False
    sides = [side.text for side in (*part.sides, *other.sides) if isinstance(side, Formula)]
    return len(sides) == 4 and proportional(*sides)


def _named_value(relation: Relation) -> Part | None:
    r"""What is said of a name: 5 of `x = 5`, of `x = 2 + 3 = 5` and of `2 + 3 = 5`, a set of `x \in A`."""
    first, last = relation.sides[0], relation.sides[-1]
    if relation.signs in ((r"\in",), (r"\approx",)):
        return last if _is_name(first) else None
    if set(relation.signs) - {"=", r"\approx"}:
        return None
    if _is_name(first) or (
        isinstance(first, Formula) and not re.search(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", first.text))
    ):
        return first if _is_name(last) and not _is_name(first) else last
    return None


def _is_name(part: Part) -> bool:
    r"""Letters without a digit or a sum: `x`, `f(x)`, `m\angle A`, `AB`, `\text{area}`."""
    if isinstance(part, Words):
        return True
    return isinstance(part, Formula) and bool(_NAME.fullmatch(unwrapped(part.text)))


def _variable(relation: Relation) -> Part | None:
    names = [side for side in relation.sides if _is_name(side)]
    return names[0] if len(names) == 1 else None


def _as_interval(relation: Relation) -> Several | None:
    r"""`1 < x \le 7` as (1, 7], `x > 2` as (2, \infty)."""
    if not set(relation.signs) <= set(_CLOSED) or _variable(relation) is None:
        return None
    if relation.signs[0] in (">", r"\ge"):
        relation = _reversed(relation)
    if any(sign in (">", r"\ge") for sign in relation.signs):
        return None
    infinity = r"\infty"
    sides, signs = relation.sides, relation.signs
    if len(sides) == 3 and _is_name(sides[1]):
        return Several((sides[0], sides[2]), "(" if signs[0] == "<" else "[", _CLOSED[signs[1]])
    if len(sides) != 2:
        return None
    if _is_name(sides[0]):
        return Several((Formula("-" + infinity), sides[1]), "(", _CLOSED[signs[0]])
    return Several((sides[0], Formula(infinity)), "(" if signs[0] == "<" else "[", ")")


def _same_choice(left: str, right: str) -> bool | None:
    """Whether two choices are of the same letter; None where not both are choices."""
    first, second = _choice(left), _choice(right)
    return None if first is None or second is None else first[0] == second[0]


def _choice(text: str) -> tuple[str, str] | None:
    r"""(letter, option) of a choice: `A`, `(A)`, `A) 42`, `\textbf{(A) } 42`, "Option A"; None for what is none."""
    bare = unwrapped(text)
    for pattern in _CHOICES:
        match = pattern.fullmatch(bare)
        if match and not _NO_OPTION.match(match[2]):
            return match[1].upper(), match[2].strip()
    return None


def _option_or_all(text: str) -> str:
    """The option behind the letter of a choice, for a reference without letters; else the text itself."""
    choice = _choice(text)
    return choice[1] if choice and choice[1] else text
