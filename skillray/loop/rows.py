"""Rows that are read one by one, from JSON for example, as a table whose columns are of the kinds that we know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from skillray.errors import DataError
from skillray.loop.columns import NO_ROWS, Cell, Kind, Number, check_present
from skillray.loop.json_rows import Repeated

Row = dict[str, Any]
CHUNK = 10_000
"""Rows that are held as Python values; then they are a part of the table, which is much smaller."""
_NAMES = {
    bool: "true or false",
    Number: "a number",
    int: "a number",
    float: "a number",
    Cell: "a text",
    str: "a text",
    list: "a list",
    dict: "an object",
    Repeated: "an object",
}


def table_of(
    rows: Iterable[tuple[str, Row]], path: str, kinds: Mapping[str, Kind], required: Sequence[str] = ()
) -> pa.Table:
    """Those of the columns `kinds` that some row has; where a row has none, or null, it is null. Others are not looked
    at, whatever they hold.

    `rows`: each with where it stands, for a message.

    Raises:
        DataError: no rows, a required column that no row has, or a value of another kind; names it.
    """
    parts: list[pa.Table] = []
    names: dict[str, None] = {}
    chunk: list[Row] = []
    for where, row in rows:
        names |= dict.fromkeys(row)
        chunk.append(known_values(where, row, kinds))
        if len(chunk) == CHUNK:
            parts.append(_as_table(chunk, kinds))
            chunk = []
    if not chunk and not parts:
        raise DataError(f"{path}: {NO_ROWS}")
    check_present(list(names), path, required)
    table = pa.concat_tables([*parts, _as_table(chunk, kinds)])
    for place, name in enumerate(table.column_names):
        if table[name].null_count == table.num_rows and name in names:
            table = table.set_column(place, name, pa.nulls(table.num_rows))
    return table.select([name for name in kinds if name in names])


def _as_table(rows: list[Row], kinds: Mapping[str, Kind]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kind.type) for name, kind in kinds.items()]))


def known_values(where: str, row: Row, kinds: Mapping[str, Kind]) -> Row:
    """Values of the columns `kinds` that the row has; `DataError` for one of another kind."""
    if isinstance(row, Repeated) and (twice := [name for name in row.names if name in kinds]):
        raise DataError(f"{where}: {twice[0]!r} stands twice, with different values; remove one")
    known: Row = {}
    for name, kind in kinds.items():
        value = row.get(name)
        if value is None:
            continue
        try:
            known[name] = kind.read(value)
        except TypeError:
            raise DataError(
                f"{where}: column {name!r} must hold {kind.wanted}, not {_described(value)}; convert it"
            ) from None
    return known


def _described(value: Any) -> str:
    what = _NAMES.get(type(value), type(value).__name__)
    if isinstance(value, list) and value:
        return f"a list with {_described(value[0])} in it"
    return f"{what} ({value})" if isinstance(value, Number) and len(value) < 30 else what
