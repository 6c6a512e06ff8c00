"""The equalities that a plain line of prose states: `12 apples + 7 apples = 19 apples`, `we add 12 and 7 to get 19`.

A claim is read whole or not at all. Where an operand is a word or a letter (`a + 7 = 26`), half of the equality would
be another one, so there is none: a line that nobody can check is neither right nor wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from skillray.domains.arithmetic.expressions import (
    MAX_CHARS,
    Expression,
    ExpressionError,
    Operation,
    leaves,
    parse,
    value_of,
)
from skillray.domains.arithmetic.plain import MAX_LINE

MAX_TOKENS = 200
"""Most tokens of a line that is read; a longer line is left unread."""

_TOKEN = re.compile(
    r"\s*(?P<sign>[-+*/=()]|≈)|\s*(?P<number>\d+(?:\.\d+)?%?|\.\d+%?)|\s*(?P<word>[A-Za-z_]\w*)|\s*(?P<other>\S)"
)
_N = r"(?:-?\d+(?:\.\d+)?%?|\(\(\d+\)/\(\d+\)\)|\(-\d+\))"
_NUMBER = rf"(?P<{{}}>{_N}(?:\s*/\s*\d+)?)"
_UNITS = r"(?:\s+(?!and\b|by\b|from\b|to\b|with\b|is\b|of\b|times\b)[a-z]+){0,2}"
_A, _B, _C = (_NUMBER.format(name) + _UNITS for name in "abc")
_GIVES = (
    r"[\s,;:]*(?:(?:and|which|that|this|it|we|you|to|will|then|would|can)\s+)*"
    r"(?:gets?|gives?|giving|obtain|obtaining|equals?|is|are|makes?|yields?|yielding|results? in|resulting in|have|=)"
    r"(?:\s+(?:us|you|a|the|result|total|answer|of|equal|to|exactly|that))*\s*[:=]?\s*"
)
_VERBS = (
    (rf"\b(?:multipl(?:y|ying|ied)|product of)\s+(?:the )?{_A}\s+(?:by|and|with|times)\s+{_B}{_GIVES}{_C}", "*"),
    (rf"\b(?:add(?:ing)?|sum of)\s+(?:the )?{_A}\s+(?:to|and|with|plus)\s+{_B}{_GIVES}{_C}", "+"),
    (rf"\b(?:divid(?:e|ing)|quotient of)\s+(?:the )?{_A}\s+(?:by|and)\s+{_B}{_GIVES}{_C}", "/"),
    (rf"\bdifference (?:of|between)\s+(?:the )?{_A}\s+and\s+{_B}{_GIVES}{_C}", "-"),
)
_FROM = re.compile(rf"\b(?:subtract(?:ing)?|tak(?:e|ing))\s+{_B}\s+(?:away )?from\s+{_A}{_GIVES}{_C}", re.IGNORECASE)
_VERB = tuple((re.compile(pattern, re.IGNORECASE), sign) for pattern, sign in _VERBS)
_INFIX = tuple(
    (re.compile(rf"(?<=[\d)%])(?:\s+[a-z]+){{0,1}}?\s+(?:{words})\s+(?=[-\d(])", re.IGNORECASE), sign)
    for words, sign in (
        ("times|multiplied by", "*"),
        ("plus|added to", "+"),
        ("minus", "-"),
        ("(?:is )?divided by|over", "/"),
    )
)
_OF = re.compile(r"(?P<part>\d+(?:\.\d+)?%|\(\(\d+\)/\(\d+\)\)|(?<![\d/.])\d+\s*/\s*\d+)\s+of\s+(?=\d)")
_IS = re.compile(r"(?<=[\d)%])\s+(?:is equal to|equals|equal to|is|gives|makes)\s+(?=[-\d(.])", re.IGNORECASE)
_HALF = re.compile(r"\bhalf of (?=\d)", re.IGNORECASE)
_CROSS = re.compile(r"(?<=[\d)%])\s*[xX]\s*(?=[\d(])")
_LEFT_OVER = re.compile(
    r"(?P<a>\d+)\s*/\s*(?P<b>\d+)\s*=\s*(?P<q>\d+)[\s,;(]*(?:with |and )?(?:a |the )?"
    r"(?:R\b|r\b|R(?=\d)|remainder)(?:\s+(?:of|is))?[\s:=]*(?P<r>\d+)"
)
_REMAINDER = re.compile(
    r"\bremainder (?:of|when|from)\s+(?:dividing\s+)?(?P<a>\d+)(?:\s+is)?\s*/\s*(?P<b>\d+)"
    r"(?:\s*,)?\s*(?:is|=|equals)\s*(?=\d)",
    re.IGNORECASE,
)
_MOD = re.compile(r"(?P<a>\d+)\s*(?:\bmod\b|%)\s*(?P<b>\d+)\s*=\s*(?=\d)")
_JOINS = re.compile(
    r"and|or|of|by|from|to|with|is|are|at|in|on|for|so|then|plus|minus|times|than|if|as|the", re.IGNORECASE
)
"""Words that are no unit (apples, dollars): they join two parts of a sentence."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One equality, or a chain of them."""

    sides: tuple[Expression, ...]

    @property
    def has_unknown(self) -> bool:
        return any(is_unknown(leaf) for side in self.sides for leaf in leaves(side))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def claims_of(plain: str, x: Fraction | None = None) -> list[Claim]:
    """Every equality of a plain line that can be read as a whole; `x` is the value of the letter x, if the question
    has one.
    """
    if len(plain) > MAX_LINE:
        return []
    tokens = _without_units(_tokens(_in_signs(plain, x)))
    if len(tokens) > MAX_TOKENS:
        return []
    chains = _chains([_side(part, x) for part in _cut(tokens)])
    return [claim for claim in map(Claim, chains) if _says_something(claim)]


def is_unknown(leaf: Expression) -> bool:
    """True for the letter x."""
    return bool(getattr(leaf, "is_unknown", False))


def read_side(text: str, x: Fraction | None = None) -> Expression | None:
    """An expression on its own; None for anything else."""
    try:
        expression = parse(text, x)
        value_of(expression)
    except ExpressionError:
        return None
    return expression


def _in_signs(text: str, x: Fraction | None) -> str:
    """Words for operations as their signs; `subtract 5 from 20 to get 15` as `20-5=15`."""
    if x is None:
        text = _CROSS.sub("*", text)

    # The order matters: later patterns look for the signs that earlier ones have put in.
    text = _HALF.sub("((1)/(2))*", _OF.sub(r"\g<part>*", text))
    for pattern, sign in _INFIX:
        text = pattern.sub(sign, text)
    text = _FROM.sub(r"; \g<a>-\g<b>=\g<c> ", text)
    for pattern, sign in _VERB:
        text = pattern.sub(rf"; \g<a>{sign}\g<b>=\g<c> ", text)
    text = _REMAINDER.sub(_modulo, text)
    text = _IS.sub("=", text)
    text = _LEFT_OVER.sub(r"\g<b>*\g<q>+\g<r>=\g<a>", text)
    return _MOD.sub(_modulo, text)


def _modulo(match: re.Match[str]) -> str:
    """`17 mod 5 =` as `17-3*5=`: the remainder written with the operations that the reader knows."""
    a, b = int(match["a"]), int(match["b"])
    return f"{a}-{a // b}*{b}=" if b else match.group()


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(str(match.lastgroup), match.group().strip(), match.start(str(match.lastgroup)), match.end())
        for match in _TOKEN.finditer(text)
    ]


def _without_units(tokens: list[_Token]) -> list[_Token]:
    """`12 apples + 7 apples = 19 apples` without its apples: words between a number and a sign. A single letter is no
    unit, for it may be a factor."""
    kept: list[_Token] = []
    start = 0
    while start < len(tokens):
        end = start  # of at most three words in a row, such as "red apples each"
        while end < len(tokens) and end - start < 3 and _is_unit(tokens[end]):
            end += 1

        after_number = bool(kept) and (kept[-1].kind == "number" or kept[-1].text == ")")
        if end > start and after_number and end < len(tokens) and tokens[end].text in "+-*/=)":
            start = end
        kept.append(tokens[start])
        start += 1
    return kept


def _is_unit(token: _Token) -> bool:
    return token.kind == "word" and token.text.isalpha() and len(token.text) > 1 and not _JOINS.fullmatch(token.text)


def _cut(tokens: Sequence[_Token]) -> list[list[_Token]]:
    """The tokens between the signs of equality: one list more than there are signs."""
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token.text == "=":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


@dataclass(frozen=True, slots=True)
class _Side:
    """The text between two signs of equality, read as an expression; None for a reading that is not possible."""

    whole: Expression | None
    """The whole text, where it is an expression."""
    first: Expression | None
    """The expression that the text begins with, where a word or a punctuation mark ends it."""
    last: Expression | None
    """The expression that the text ends with, where a word or a punctuation mark precedes it."""


def _side(tokens: list[_Token], x: Fraction | None) -> _Side:
    # Tokens before `end` and tokens from `start` on can be parts of an expression.
    end = next((n for n, token in enumerate(tokens) if not _is_part(token, x)), len(tokens))
    start = next((len(tokens) - n for n, token in enumerate(reversed(tokens)) if not _is_part(token, x)), 0)
    whole = _parsed(tokens, x)
    first = _parsed(_balanced(tokens[:end]), x) if end == len(tokens) or _may_follow(tokens[end]) else None

    may_begin = start == 0 or _may_precede(tokens[start - 1 : start + 2])
    return _Side(whole, first, _parsed(_balanced(tokens[start:]), x) if may_begin else None)


def _is_part(token: _Token, x: Fraction | None) -> bool:
    return (token.kind in ("number", "sign") and token.text != "≈") or (x is not None and token.text == "x")


def _may_follow(token: _Token) -> bool:
    return token.text in ".,;:)!?]" or (token.kind == "word" and len(token.text) > 1 and "_" not in token.text)


def _may_precede(tokens: Sequence[_Token]) -> bool:
    """True if an expression may begin behind the first token: a word with a space after it, or a punctuation mark."""
    before, *after = tokens
    if before.kind == "word":
        if not before.text.isalpha() or len(before.text) < 2 or not after or before.end == after[0].start:
            return False
        # "leaves -5" is a negative number; in "apples - 5" the sign belongs to a term that nobody could read.
        minus = after[0].text == "-" and len(after) > 1 and after[0].end == after[1].start
        return minus or after[0].text not in "+-*/"
    return before.text in ",;:.!?|" or before.text == "≈"


def _balanced(tokens: list[_Token]) -> list[_Token]:
    """The tokens without unpaired brackets, which belong to the sentence around the expression."""
    opened = list[int]()
    drop: set[int] = set()
    for index, token in enumerate(tokens):
        if token.text == "(":
            opened.append(index)
        elif token.text == ")":
            if opened:
                opened.pop()
            else:
                drop.add(index)
    drop |= set(opened)
    return [token for index, token in enumerate(tokens) if index not in drop]


def _parsed(tokens: Sequence[_Token], x: Fraction | None) -> Expression | None:
    text = " ".join(token.text for token in tokens)
    return read_side(text, x) if 0 < len(text) <= MAX_CHARS else None


def _chains(sides: Sequence[_Side]) -> list[tuple[Expression, ...]]:
    """Neighbouring sides as chains: `12*7=84 apples, so 84+5=89` is two of them."""
    chains: list[tuple[Expression, ...]] = []
    chain: list[Expression] = []
    for index, side in enumerate(sides):
        if side.whole is not None:
            chain.append(side.whole)
            continue

        # Words stand between two expressions here: the first ends one chain, the last begins the next.
        if chain and side.first is not None and index:
            chain.append(side.first)
        chains.append(tuple(chain))
        chain = [side.last] if side.last is not None else []
    chains.append(tuple(chain))
    return [chain for chain in chains if len(chain) > 1]


def _says_something(claim: Claim) -> bool:
    """True if the claim can be right or wrong: a side is worked out, or is about x, and the sides are not all the same.

    Numbers alone (`7 = 84`) may be a list of names and values.
    """
    if not claim.has_unknown and not any(isinstance(side, Operation) for side in claim.sides):
        return False
    return not all(side == claim.sides[0] for side in claim.sides)
