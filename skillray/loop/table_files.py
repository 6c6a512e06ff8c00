"""Files that hold tables: Parquet, JSON and CSV, also compressed, on a disk or in a bucket; and folders of them."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from skillray.errors import DataError
from skillray.loop.columns import QUESTION, Cell, Kind
from skillray.loop.json_rows import read_objects
from skillray.loop.published import is_published, our_columns
from skillray.loop.rows import table_of
from skillray.store.files import is_url, names_in, read_bytes
from skillray.store.paths import TABLE_FILES

Row = dict[str, Any]
GIVE = "give a Parquet or JSONL file"
_SPLITS = re.compile(r"(train|test|validation|valid|val|dev|eval)(?=[-._]|$)", re.IGNORECASE)
"""What files of a split are named after."""
_LONGEST = 2**31 - 1
"""Characters of a CSV value; the csv module stops at 131,072, which a solution may have."""


def open_table(path: str, kinds: Mapping[str, Kind], required: Sequence[str] = ()) -> pa.Table:
    """Those of the columns `kinds` that the table at `path` has.

    Raises:
        DataError: it is not there or damaged, has none of the `required` columns, or a row that cannot be read.
    """
    if path.endswith(".parquet"):
        return opened(path, lambda: _parquet(path, kinds))
    return opened(path, lambda: table_of(read_rows(path), path, kinds, required))


def open_questions(path: str, columns: Sequence[str] = tuple(QUESTION), required: Sequence[str] = ()) -> pa.Table:
    """Like `open_table`, for questions, which may be in the columns of those who published them."""
    kinds = {name: QUESTION[name] for name in columns}
    if path.endswith(".parquet") and not is_published(schema_of(path).names):
        return opened(path, lambda: _parquet(path, kinds))
    ours = ((where, in_our_columns(row, where)) for where, row in read_rows(path))
    return opened(path, lambda: table_of(ours, path, kinds, required))


def in_our_columns(row: Row, where: str) -> Row:
    """`our_columns`, with the place in front of what is wrong."""
    try:
        return our_columns(row)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None


def schema_of(path: str) -> pa.Schema:
    """Of a Parquet file, from its footer."""
    return opened(path, lambda: pq.read_schema(_readable(path)))


def num_rows_of(path: str) -> int:
    """Without keeping one: from the footer of a Parquet file, or by counting."""
    if path.endswith(".parquet"):
        return int(opened(path, lambda: pq.ParquetFile(path).metadata.num_rows))
    return int(opened(path, lambda: _count(path)))


def _count(path: str) -> int:
    if path.endswith((".jsonl", ".jsonl.gz")):
        with _binary(path) as file:
            return sum(1 for line in file if line.strip())
    return sum(1 for _ in read_rows(path))


def read_rows(path: str) -> Iterator[tuple[str, Row]]:
    """Each row of any kind of file, with where it stands: all columns, values as the file has them."""
    if path.endswith(".parquet"):
        number = 0
        for batch in pq.ParquetFile(_readable(path)).iter_batches():
            batch.validate(full=True)
            for row in batch.to_pylist():
                yield f"{path} row {number}", row
                number += 1
        return
    with _binary(path) as file:
        numbered = _cells(file, path) if path.endswith((".csv", ".csv.gz")) else read_objects(file, path)
        yield from ((f"{path} line {number}", row) for number, row in numbered)


def _cells(file: IO[bytes], path: str) -> Iterator[tuple[int, Row]]:
    """Rows of a CSV file, with the number of the line on which each ends; what is empty is not there.

    Columns are apart by whichever of comma, semicolon and tab the first line has most of.
    """
    csv.field_size_limit(_LONGEST)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        header = text.readline()
        apart = max(",;\t", key=header.count)
        names = next(csv.reader([header], delimiter=apart), [])
        reader = csv.reader(text, delimiter=apart, strict=True)
        for cells in reader:
            number = reader.line_num + 1
            if len(cells) > len(names):
                raise DataError(
                    f"{path} line {number}: has {len(cells)} values for {len(names)} columns; put those with a "
                    f"{apart!r} in quotes"
                )
            row: Row = {name: Cell(cell) if cell else None for name, cell in zip(names, cells, strict=False)}
            if any(cells):
                yield number, row
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num + 1}: is no CSV ({error}); correct the quotes") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no UTF-8 text; save it as CSV UTF-8") from None


def _binary(path: str) -> IO[bytes]:
    source: Any = io.BytesIO(read_bytes(path)) if is_url(path) else path
    if path.endswith(".gz"):
        return cast(IO[bytes], gzip.open(source))
    return open(source, "rb") if source is path else source


def _parquet(path: str, kinds: Mapping[str, Kind]) -> pa.Table:
    file = pq.ParquetFile(_readable(path))
    table = file.read([name for name in file.schema_arrow.names if name in kinds])
    table.validate(full=True)  # Arrow's readers take bytes that are no text for text
    return table


def _readable(path: str) -> str | pa.BufferReader:
    return pa.BufferReader(read_bytes(path)) if is_url(path) else path


def opened(path: str, read: Callable[[], Any]) -> Any:
    """What `read` returns; `DataError` for a file at `path` that is not there, or cannot be read."""
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; {GIVE}")
    try:
        return read()
    except DataError:  # a ValueError too, and a line already
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {GIVE}") from None
    except (pa.ArrowException, OSError, ValueError, EOFError, zlib.error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: cannot be read ({reason}); restore it") from None


def shards(folder: str, split: str | None) -> list[str]:
    """The tables in a folder, in the order of their names: all of one kind, and of one split.

    Raises:
        DataError: there are none, or of several kinds or splits, which would be read as one table.
    """
    names = [name for name in names_in(folder) if name.endswith(TABLE_FILES) and name[0] not in "._"]
    if split is not None:
        names = [name for name in names if re.match(rf"{re.escape(split)}(?=[-._])", name)]
    if not names:
        what = f"without a table of split {split!r}" if split else "without tables"
        raise DataError(f"{folder} is a folder {what} ({', '.join(TABLE_FILES)}); {GIVE}, or a folder of them")
    for kind, of in (("kinds of files", _ending), ("splits", _split)):
        if len(some := sorted({of(name) for name in names})) > 1:
            advice = "give its `split`" if kind == "splits" else "give a folder of one kind"
            raise DataError(f"{folder} is a folder with several {kind} ({', '.join(map(repr, some))}); {advice}")
    return [f"{folder.rstrip('/')}/{name}" for name in names]


def _ending(name: str) -> str:
    return next(ending for ending in TABLE_FILES if name.endswith(ending))


def _split(name: str) -> str:
    match = _SPLITS.match(name)
    return match[1].lower() if match else ""
