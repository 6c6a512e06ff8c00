"""JSON tables, read object by object: lines of any length, values as they are written, and where something is wrong.

The reader is the standard library's. Arrow's own guesses the types of columns, so that texts which look like dates
become timestamps and whole numbers beside fractions become doubles, and it reads no line beyond a fixed size.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from skillray.errors import DataError
from skillray.loop.columns import Number

Row = dict[str, Any]
_MARK = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SPACE = " \t\r\n"
_ONE_A_LINE = "write one object a line"


class Repeated(Row):
    """An object in which a name stands more than once, with different values."""

    names: tuple[str, ...] = ()


def read_objects(file: IO[bytes], path: str) -> Iterator[tuple[int, Row]]:
    """Each object of JSON lines, or of a list in a `.json` file, with the number of the line on which it begins.

    Memory: one line at a time; a list is held whole. Empty lines and a byte order mark are no part of the data.

    Raises:
        DataError: names the line, and what is wrong there.
    """
    start = file.read(64)
    if start.startswith(_UTF16):
        raise DataError(f"{path}: is UTF-16 text; save it as UTF-8")
    is_list = start.removeprefix(_MARK).lstrip().startswith(b"[") and path.removesuffix(".gz").endswith(".json")
    file.seek(0)
    return _items(file, path) if is_list else _lines(file, path)


def _lines(file: IO[bytes], path: str) -> Iterator[tuple[int, Row]]:
    for number, raw in enumerate(file, 1):
        line = (raw.removeprefix(_MARK) if number == 1 else raw).strip()
        if line:
            where = f"{path} line {number}"
            with _told(where, _ONE_A_LINE):
                value = _DECODER.decode(line.decode())
            yield number, _object(value, where)


def _items(file: IO[bytes], path: str) -> Iterator[tuple[int, Row]]:
    """Of one list, which may be written over many lines."""
    advice = "write a list of objects, or one object a line"
    with _told(path, advice):
        text = file.read().removeprefix(_MARK).decode()
    place, line, comma = _next(text, text.index("[") + 1), 1, False
    counted = 0
    while text[place : place + 1] != "]" or comma:
        line, counted = line + text.count("\n", counted, place), place
        where = f"{path} line {line}"
        with _told(where, advice):
            value, end = _DECODER.raw_decode(text, place)
        yield line, _object(value, where)
        place = _next(text, end)
        comma = text[place : place + 1] == ","
        if comma:
            place = _next(text, place + 1)
        elif text[place : place + 1] != "]":
            raise DataError(f"{where}: no comma and no ] follows this object; {advice}")
    if text[place + 1 :].strip(_SPACE):
        raise DataError(f"{path} line {text.count(chr(10), 0, place) + 1}: something follows the list; {advice}")


def _next(text: str, place: int) -> int:
    """Of the next character that is no space."""
    while place < len(text) and text[place] in _SPACE:
        place += 1
    return place


@contextmanager
def _told(where: str, advice: str) -> Iterator[None]:
    """What the decoder says, as one line that names the place."""
    try:
        yield
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is no JSON ({error.msg} at character {error.colno}); {advice}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: is no JSON (byte {error.start + 1} is no UTF-8: {error.reason}); save it as UTF-8"
        ) from None
    except RecursionError:
        raise DataError(f"{where}: lists or objects stand too deeply in each other; write flatter objects") from None


def _object(value: Any, where: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{where}: is no object {{...}}; {_ONE_A_LINE}")
    return value


def _from_pairs(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    repeated = Repeated(pairs)
    repeated.names = tuple(dict.fromkeys(name for name, value in pairs if value != row[name]))
    return repeated


def _constant(name: str) -> Number | None:
    """NaN is how some libraries write that there is none."""
    return None if name == "NaN" else Number(name)


_DECODER = json.JSONDecoder(
    parse_int=Number, parse_float=Number, parse_constant=_constant, object_pairs_hook=_from_pairs, strict=False
)
"""strict: a tab or a line break inside a text, as careless programs write it, is what it looks like."""
