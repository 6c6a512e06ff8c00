"""JSON in the text of a language model: read strictly where it is JSON, and leniently where it has one meaning.

json_repair guesses what a damaged text was to be. A guess counts only where nothing is lost and nothing added: the
letters and digits of what was read are those of the text, in their order. A text that breaks off is not completed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import json_repair

MAX_STARTS = 50
"""Places at which JSON is looked for: a text of braces alone must not take a second."""
MAX_REPAIRS = 8
"""Pieces of one text that are read leniently."""
MAX_REPAIRED, MAX_BRACKETS = 60_000, 600
"""Characters and opening brackets of a piece that is read leniently: json_repair takes quadratic time."""
MAX_NESTED = 20
"""Brackets within brackets of such a piece, those of LaTeX among them."""
MAX_DEPTH = 4
"""Levels at which an object is looked for inside of another."""

_QUOTE = "\"'“”„‟«»‘’`"
_KEY = rf"(?:\\?[{_QUOTE}]|\w[\w ]*[:=])"
_START = re.compile(rf"\{{\s*{_KEY}|\[\s*(?:[{_QUOTE}]|\{{\s*{_KEY})|\{{\{{")
"""Where JSON may begin; the braces of LaTeX are followed by other things."""
_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|(?P<latex>[bfr](?=[A-Za-z])|u|[^"\\/bfnrtu]|$)|.)', re.DOTALL)
"""A backslash of JSON; `latex`: what is none, or one that no text has, such as the \\f of \\frac."""
_COMMANDS = re.compile(
    r"(?:\\n(?:abla|eg|eq|ewline|geq|leq|ot|otin)|\\t(?:an|au|ext\w*|frac|heta|imes|o|riangle)|(?<=[ $({])\\n[eu])"
    r"(?![A-Za-z])"
)
"""LaTeX that would be escapes of JSON by chance, and that no word makes after a line break or a tab; e and u may be
names of their own, but few lines end in a space or a bracket."""
_CARELESS = re.compile(r"\\(?:n(?:abla|e|eg|eq|ewline|geq|leq|ot|otin|u)(?![A-Za-z])|t[A-Za-z])")
"""The same where other LaTeX of the text is not escaped either."""
_COMMENT = re.compile(r"(?<![:\w])//[^\n\"]*$|/\*.*?\*/|^\s*#[^\n\"]*$", re.MULTILINE | re.DOTALL)
_TYPOGRAPHIC = str.maketrans("“”„‟«»", '""""""')
_MARK = re.compile(r'\\.|["{}\[\]]', re.DOTALL)
_SINGLE = re.compile(r"‘([^‘’]*)’")
_FULL_WIDTH = (
    (re.compile(r"(?<=[\"\]}])\s*(?:：|=>|=)\s*(?=[\"\[{\d])"), ": "),
    (re.compile(r"(?<=[\"\]}])\s*(?:，|；|;|、)\s*(?=[\"\[{])"), ", "),
)
"""Signs that stand where JSON has a colon or a comma."""
_MISREAD = re.compile(
    r"[\"“”«»]\s*[:;,，；：、=]\s*[\"“”«»\[{]|^[^‘]*[\w.]’$|^[^“]*”$|^[^«]*»$|[\"”’»]\s*(?:：|，|；|=>?)\s*[\[{\"]"
)
"""Signs of JSON that a guess took for a part of a text."""
_SPACES = re.compile(r"\\(?:(u[0-9a-fA-F]{4})|([nrtbf])|(.))", re.DOTALL)
_NOTHING = re.compile(r"\b(?:none|null|nan|undefined)\b")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def values_in(text: str, quoted: str = "") -> list[Any]:
    """JSON objects and lists, outermost only, in order.

    Args:
        quoted: a text that the model was shown; JSON that stands in it as well is a repetition and left out.
    """
    if (inside := _as_text(text)) is not None:
        text = inside
    text, quoted = mended(text), mended(quoted)
    decoder, found = json.JSONDecoder(strict=False), list[Any]()
    place = repairs = broken_until = 0
    for _ in range(MAX_STARTS):
        if (match := _START.search(text, place)) is None:
            break
        start = match.start()
        try:
            value, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            repairs += 1
            read = _repaired(text, start) if repairs <= MAX_REPAIRS else None
            if read is None:
                if text[start] == "{" and start >= broken_until:
                    broken_until = _closed(text, start, heeds_quotes=True) or len(text)
                place = start + 1
                continue
            value, place = read
        is_part = start < broken_until and not isinstance(value, dict) and not any(objects_in(value))
        if text[start:place] not in quoted and not is_part:  # a list of an object that cannot be read: of which field?
            found.append(value)
    return found


def plain_key(key: str) -> str:
    """Lower case with underscores: `Missing Skills`, `missingSkills` and `MISSING-SKILLS` are one key."""
    spaced = _CAMEL.sub(" ", key)
    return "_".join("".join(char if char.isalnum() else " " for char in spaced.casefold()).split())


def objects_in(value: Any, depth: int = MAX_DEPTH) -> Iterator[dict[str, Any]]:
    """Every object of a value, the outer one before those in it; a text that is JSON counts as what it says."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = values_in(value)
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list) and depth:
        for item in value:
            yield from objects_in(item, depth - 1)


def mended(text: str) -> str:
    """`text` with LaTeX escaped that a model forgot to escape."""
    careless = any(match["latex"] is not None for match in _ESCAPE.finditer(text))
    commands = _CARELESS if careless else _COMMANDS

    def mend(match: re.Match[str]) -> str:
        is_latex = match["latex"] is not None or commands.match(text, match.start())
        return f"\\{match[0]}" if is_latex else match[0]

    return _ESCAPE.sub(mend, text)


def _as_text(text: str) -> str | None:
    """What a text of JSON, in quotes and with escapes, says; None where it is not one."""
    body = text.strip().removeprefix("```json").strip("`\n ")
    if re.match(r'"\s*[\[{]', body) and body.endswith('"'):
        try:
            value = json.loads(body, strict=False)
        except ValueError:
            return None
        return value if isinstance(value, str) else None
    if re.match(r'[\[{]\s*\\"', body):
        return body.replace('\\"', '"').replace("\\n", "\n")
    return None


def _repaired(text: str, start: int) -> tuple[Any, int] | None:
    """The value that begins at `start` and the place behind it; None where there is no end or more than one meaning."""
    for end in dict.fromkeys(_ends(text, start)):
        piece = text[start:end]
        if not _is_simple(piece):
            continue
        for form in dict.fromkeys((piece, _with_plain_signs(piece), _COMMENT.sub("", piece))):
            if (value := _guess(form)) is not None:
                return value, end
    return None


def _guess(piece: str) -> Any:
    """What json_repair makes of a piece, if the text has just that."""
    try:
        value = json_repair.loads(piece, skip_json_loads=True)
    except Exception:  # a text that json_repair trips over is one that cannot be read; nothing that came back may raise
        return None
    if not isinstance(value, dict | list) or not value:
        return None
    texts = _texts_of(value)
    misread = any(_MISREAD.search(text) for text in texts)
    return value if not misread and _bare(" ".join(texts)) == _written_signs(piece) else None


def _ends(text: str, start: int) -> Iterator[int]:
    """Where a value may end: where its brackets are closed, with and without an eye on quotes, or where the text ends
    with a closing bracket.
    """
    for heeds_quotes in (True, False):
        if (end := _closed(text, start, heeds_quotes)) is not None:
            yield end
    whole = len(text.rstrip().removesuffix("```").rstrip())
    if whole > start and text[whole - 1] in "]}":
        yield whole


def _closed(text: str, start: int, heeds_quotes: bool) -> int | None:
    """The place behind the bracket that closes the one at `start`; None where it is not closed, or too deep."""
    depth, inside = 0, False
    for mark in _MARK.finditer(text, start, start + MAX_REPAIRED):
        char = mark[0]
        if char == '"':
            inside = heeds_quotes and not inside
        elif inside or char[0] == "\\":
            continue
        else:
            depth += 1 if char in "{[" else -1
            if depth == 0:
                return mark.end()
            if depth > MAX_NESTED:
                return None
    return None


def _is_simple(piece: str) -> bool:
    """Whether json_repair reads it within milliseconds, whatever its quotes mean."""
    depth = 0
    for mark in _MARK.finditer(piece):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark[0], 0)
        if depth > MAX_NESTED:
            return False
    return len(piece) <= MAX_REPAIRED and piece.count("{") + piece.count("[") <= MAX_BRACKETS


def _with_plain_signs(piece: str) -> str:
    piece = _SINGLE.sub(r'"\1"', piece.translate(_TYPOGRAPHIC))
    for pattern, sign in _FULL_WIDTH:
        piece = pattern.sub(sign, piece)
    return piece


def _texts_of(value: Any) -> list[str]:
    """All keys and values, in order."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (str(key), *_texts_of(item))]
    return [text for item in value for text in _texts_of(item)] if isinstance(value, list) else [str(value)]


def _written_signs(piece: str) -> str:
    """Letters and digits of a piece of text, its escapes read."""

    def read(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1][1:], 16))
        return " " if match[2] else f" {match[3]}"

    return _bare(_SPACES.sub(read, piece))


def _bare(text: str) -> str:
    return "".join(char for char in _NOTHING.sub("none", text.casefold()) if char.isalnum())
