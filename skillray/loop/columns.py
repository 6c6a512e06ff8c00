"""Kinds of columns that a table of somebody's may have, and what is wrong with a column in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skillray.errors import DataError

NO_ROWS = "has no rows; give a file with some"
_WHOLE = re.compile(r"([+-]?\d{1,18})(?:\.0*)?", re.ASCII)
"""A whole number that fits 64 bits, also as pandas writes one beside gaps: `3.0`."""
_HALF = re.compile("[\ud800-\udfff]")
"""Of a surrogate pair."""


class Number(str):
    """A number of a JSON file, as it is written there: 10000000000000000 stays that, and .50 does not become .5."""


class Cell(str):
    """A value of a CSV file, where everything is written in the same way and nothing has a type."""


@dataclass(frozen=True)
class Kind:
    """What a column must hold."""

    wanted: str
    """In words, for a message."""
    fits: Callable[[pa.DataType], bool]
    """Whether a Parquet column of this type will do."""
    type: pa.DataType
    """Of the column that is made of values that are read one by one, from JSON for example."""
    read: Callable[[Any], Any]
    """Such a value as the column holds it; `TypeError` where it is of another kind."""


def check_columns(table: pa.Table, path: str, required: Sequence[str], kinds: Mapping[str, Kind]) -> None:
    """`DataError` unless there are rows, every required column without nulls, and every known one of its kind."""
    check_types(table.schema, path, required, kinds)
    if not table.num_rows:
        raise DataError(f"{path}: {NO_ROWS}")
    for name in required:
        if table[name].null_count:
            raise DataError(f"{path} row {_first(pc.is_null(table[name]))}: {name} is null; fill it or remove the row")


def check_types(schema: pa.Schema, path: str, required: Sequence[str], kinds: Mapping[str, Kind]) -> None:
    check_present(schema.names, path, required)
    for name, kind in kinds.items():
        column = schema.field(name).type if name in schema.names else pa.null()
        if not kind.fits(column) and not pa.types.is_null(column):  # of nulls the row is told, where one is required
            raise DataError(f"{path}: column {name!r} must hold {kind.wanted}, not {column}; convert it")


def check_present(names: Sequence[str], path: str, required: Sequence[str]) -> None:
    """`DataError` for the first of `required` that is none of `names`."""
    for name in required:
        if name not in names:
            raise DataError(f"{path}: column {name!r} is missing; it has {', '.join(names) or 'none'}")


def refuse_repeated(table: pa.Table, path: str, names: Sequence[str]) -> None:
    """`DataError` for a null in the columns that identify a row, and for two rows that are the same in all of them."""
    for name in names:
        if table[name].null_count:
            raise DataError(f"{path} row {_first(pc.is_null(table[name]))}: {name} is null; give every row one")
    numbered = table.select(names).append_column("_row", pa.array(range(table.num_rows), pa.int64()))
    counted = numbered.group_by(list(names)).aggregate([("_row", "count"), ("_row", "min"), ("_row", "max")])
    repeated = counted.filter(pc.greater(counted["_row_count"], 1)).sort_by("_row_min")
    if repeated.num_rows:
        row = repeated.slice(0, 1).to_pylist()[0]
        what = ", ".join(f"{name} {row[name]!r}" for name in names)
        raise DataError(f"{path}: {what} stands in row {row['_row_min']} and in row {row['_row_max']}; remove one")


def _first(mask: pa.ChunkedArray) -> int:
    return int(pc.index(mask, True).as_py())


def whole_text(text: str) -> str | None:
    """The digits of a whole number, without a point behind them; None for any other text."""
    match = _WHOLE.fullmatch(text)
    return match[1] if match else None


def _holds_text(column: pa.DataType) -> bool:
    plain = column.value_type if pa.types.is_dictionary(column) else column
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or plain == pa.string_view())


def _holds_texts(column: pa.DataType) -> bool:
    is_list = pa.types.is_list(column) or pa.types.is_large_list(column)
    return _holds_text(column) or (is_list and (_holds_text(column.value_type) or pa.types.is_null(column.value_type)))


def _text(value: Any) -> str:
    """Half of a surrogate pair, such as a cut emoji leaves in JSON, is no text: U+FFFD takes its place."""
    if not isinstance(value, str) or isinstance(value, Number):
        raise TypeError
    return str(value) if value.isascii() else _HALF.sub("\N{REPLACEMENT CHARACTER}", value)


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    digits = whole_text(str(value)) if isinstance(value, Number | Cell | float) else None
    if digits is None:
        raise TypeError
    return int(digits)


def _id(value: Any) -> str:
    if isinstance(value, Cell) or type(value) is str:
        return _text(value)
    return str(_whole(value)) if not isinstance(value, Number) else (whole_text(value) or _long(value))


def _long(value: Number) -> str:
    """A whole number of more digits than 64 bits have: as the name of a row it is as good as any."""
    if not re.fullmatch(r"-?\d+", value):
        raise TypeError
    return str(value)


def _answer(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if isinstance(value, float):
        return whole_text(repr(value)) or repr(value)
    return _text(str(value))


def _texts(value: Any) -> list[str | None]:
    if isinstance(value, Cell) and value.lstrip().startswith("["):  # a list, as CSV files hold one
        try:
            value = json.loads(value)
        except ValueError:
            raise TypeError from None
    return [None if item is None else _text(item) for item in (value if isinstance(value, list | tuple) else [value])]


TEXT = Kind("text", _holds_text, pa.string(), _text)
WHOLE = Kind("whole numbers", pa.types.is_integer, pa.int64(), _whole)
ID = Kind("texts or whole numbers", lambda column: _holds_text(column) or pa.types.is_integer(column), pa.string(), _id)
ANSWER = Kind(
    "texts or numbers",
    lambda column: _holds_text(column) or pa.types.is_integer(column) or pa.types.is_floating(column),
    pa.string(),
    _answer,
)
TEXTS = Kind("a list of texts, or one text", _holds_texts, pa.list_(pa.string()), _texts)
QUESTION: dict[str, Kind] = {
    "question": TEXT,
    "answer": ANSWER,
    "solution": TEXT,
    "subject": TEXT,
    "level": WHOLE,
    "skills": TEXTS,
    "question_id": ID,
}
"""Columns of a table of questions."""
