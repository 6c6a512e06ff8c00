r"""What an answer is made of: lists, sets, tuples, intervals, matrices and relations of formulas, or words.

The structure is read here, from an answer in plain spelling (`normalise.plain`). What a formula is worth is for
`grading.values`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from skillray.grading.normalise import closing, compact, unwrapped
from skillray.grading.numbers import as_number


@dataclass(frozen=True)
class Formula:
    """Text of one value."""

    text: str


@dataclass(frozen=True)
class Words:
    """Words, a name, an order of letters: nothing that is worth anything; without spaces and case."""

    text: str


@dataclass(frozen=True)
class Several:
    """Values between brackets: a set in braces, a tuple or an interval in others, and a list where there are none."""

    items: tuple[Part, ...]
    left: str = ""
    right: str = ""


@dataclass(frozen=True)
class Union:
    """Sets that are put together; the order does not matter."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Matrix:
    """Rows of values."""

    rows: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True)
class Relation:
    """Sides with the signs between them: `1 < x`, `a = b = 5`."""

    sides: tuple[Part, ...]
    signs: tuple[str, ...]


Part = Formula | Words | Several | Union | Matrix | Relation
MAX_DEPTH = 20
"""Brackets in brackets that are read; deeper ones are a text."""
EMPTY = Several((), "{", "}")
REALS = Several((Formula(r"-\infty"), Formula(r"\infty")), "(", ")")

_SIGNS = (r"\le", r"\ge", r"\ne", r"\approx", r"\equiv", r"\in", "=", "<", ">")
_AND = re.compile(
    r"\\(?:text|mbox)\s*\{\s*,?\s*(?:and|or)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|\\(?:lor|vee|land|wedge)(?![A-Za-z])|，"
)
_MATRIX = re.compile(
    r"(?P<scalar>.*?)\s*\(?\[?\s*\\begin\s*\{(?:[pbvBV]?matrix|array|smallmatrix)\}\s*(?:\{[lcr|]*\})?(?P<body>.*)"
    r"\\end\s*\{(?:[pbvBV]?matrix|array|smallmatrix)\}\s*\)?\]?",
    re.DOTALL,
)
_ENTITIES = {r"\emptyset": EMPTY, r"\mathbbR": REALS, r"\R": REALS}
_VARIABLES = frozenset("xyz")
"""Letters whose products no order or word is made of: `yx` is `xy`, but `net` is not `ten`."""


def parse(text: str, depth: int = 0) -> Part:
    """The structure of an answer in plain spelling. Whatever is not understood is one formula, compared as such."""
    text = text.strip().removesuffix(".").strip()
    if depth > MAX_DEPTH or as_number(text) is not None:
        return Formula(text)
    if compact(text) in _ENTITIES:
        return _ENTITIES[compact(text)]
    if words := as_words(text):
        return words
    for read in (_matrix, _list, _relation, _union, _brackets, _plus_minus):
        part = read(text, depth + 1)
        if part is not None:
            return part
    return Formula(text)


def as_words(text: str) -> Words | None:
    """A text of letters alone, two or more, that is no product of variables: a word, a name, an order of letters."""
    bare = unwrapped(text)
    bare = re.sub(
        r"\\overline\s*\{([A-Za-z]+)\}|\\(?:overrightarrow|overleftrightarrow)\s*\{([A-Za-z]+)\}", r"\1\2", bare
    )
    bare = re.sub(r"^\((.*)\)$", r"\1", bare.strip()).strip(" .\"'`*")
    if not re.fullmatch(r"[^\W\d_][^\W\d_\s.'-]*(?:[\s.'’-]+[^\W\d_]+)*", bare):
        return None
    letters = re.sub(r"[\s.'’-]", "", bare)
    if len(letters) < 2 or set(letters) <= _VARIABLES or re.search(r"\b(?:and|or)\b", bare, re.IGNORECASE):
        return None
    without_article = re.sub(r"^(?:the|an?)\s+", "", bare, flags=re.IGNORECASE)
    return Words(re.sub(r"\s+", " ", without_article).casefold() if len(letters) > 2 else bare)


def split_top(text: str, separators: tuple[str, ...]) -> list[str]:
    """Pieces of a text between separators that stand in no bracket; one piece where there is none."""
    pieces, start, position = [], 0, 0
    while position < len(text):
        sign = text[position]
        hit = next((mark for mark in separators if text.startswith(mark, position)), None)
        if hit and not (hit[-1].isalpha() and text[position + len(hit) : position + len(hit) + 1].isalpha()):
            pieces.append(text[start:position])
            position = start = position + len(hit)
        elif sign == "\\":
            position += 2 if text.startswith(r"\{", position) is False else _escaped_set(text, position)
        elif sign in "([{":
            position = _behind(text, position)
        else:
            position += 1
    return [*pieces, text[start:]]


def _escaped_set(text: str, start: int) -> int:
    r"""Length of `\{...\}`; of the brace alone where it is not closed."""
    end = text.find(r"\}", start)
    return end + 2 - start if end > 0 else 2


def _behind(text: str, start: int) -> int:
    """Where the bracket ends that opens at `start`; that of an interval may be of the other kind."""
    if text[start] == "{":
        return closing(text, start) + 1
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in "([") - (text[position] in ")]")
        if depth == 0:
            return position + 1
    return start + 1


def _matrix(text: str, depth: int) -> Part | None:
    match = _MATRIX.fullmatch(text)
    if match is None or r"\begin" in match["body"]:
        return None
    rows = [row for row in re.split(r"\\cr(?![A-Za-z])", match["body"].replace(r"\hline", "")) if row.strip()]
    factor = match["scalar"].strip().removesuffix(r"\cdot").strip()
    if factor and parse(factor, depth) != Formula(factor):
        return None
    cells = [[f"({factor})({cell})" if factor else cell for cell in row.split("&")] for row in rows]
    return Matrix(tuple(tuple(parse(cell, depth) for cell in row) for row in cells))


def _list(text: str, depth: int) -> Part | None:
    joined = ",".join(split_top(_AND.sub(" ; ", text), (";",))) if _AND.search(text) else text
    pieces = [piece.strip() for piece in split_top(joined, (",", ";")) if piece.strip()]
    if len(pieces) < 2:
        return None
    return Several(tuple(_flat([parse(piece, depth) for piece in pieces])))


def _flat(parts: list[Part]) -> list[Part]:
    r"""A list's items, those of a `\pm` in it among them."""
    nested = [list(part.items) if isinstance(part, Several) and not part.left else [part] for part in parts]
    return [item for items in nested for item in items]


def _relation(text: str, depth: int) -> Part | None:
    sides = split_top(text, _SIGNS)
    if len(sides) < 2 or not all(side.strip() for side in sides):
        return None
    signs, position = [], 0
    for side in sides[:-1]:
        position += len(side)
        signs.append(next(sign for sign in _SIGNS if text.startswith(sign, position)))
        position += len(signs[-1])
    return Relation(tuple(parse(side, depth) for side in sides), tuple(signs))


def _union(text: str, depth: int) -> Part | None:
    parts = split_top(text, (r"\cup",))
    return Union(tuple(parse(part, depth) for part in parts)) if len(parts) > 1 else None


def _brackets(text: str, depth: int) -> Part | None:
    if text.startswith(r"\{") and text.endswith(r"\}") and _escaped_set(text, 0) == len(text):
        return _between(text[2:-2], "{", "}", depth)
    if text[:1] not in ("(", "[", "{") or text[-1:] not in (")", "]", "}") or _behind(text, 0) != len(text):
        return None
    if text[0] == "{" and "," not in text:
        return parse(text[1:-1], depth)
    return _between(text[1:-1], text[0], text[-1], depth)


def _between(inner: str, left: str, right: str, depth: int) -> Part | None:
    items = [piece.strip() for piece in split_top(inner, (",", ";"))]
    if len(items) == 1 and left != "{":
        return parse(inner, depth) if (left, right) == ("(", ")") else None
    parts = [parse(item, depth) for item in items if item]
    return Several(tuple(_flat(parts) if left == "{" else parts), left, right)


def _plus_minus(text: str, depth: int) -> Part | None:
    pieces = split_top(text, (r"\pm",))
    if len(pieces) != 2:
        return None
    return Several((parse(f"{pieces[0]}+{pieces[1]}", depth), parse(f"{pieces[0]}-{pieces[1]}", depth)))
