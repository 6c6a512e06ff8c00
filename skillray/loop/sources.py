"""Tables that somebody gave us: read, and refused in one line that names the file, and the column, row or line."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.loop.published import in_our_columns, is_published
from skillray.store.files import exists, is_url, read_bytes
from skillray.store.paths import TABLE_FILES

Row = dict[str, Any]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_GIVE = "give a Parquet or JSONL file"


def read_source(source: QuestionSource, required: Sequence[str] = ("question",)) -> list[Row]:
    """The rows of a Parquet or JSONL file, or of a Hugging Face data set (downloaded once, offline mode respected)."""
    return [row for path in paths_of(source) for row in _read_file(path, required)]


def paths_of(source: QuestionSource) -> list[str]:
    return [source.path] if source.path.endswith(".txt") or is_file(source.path) else _from_hub(source)


def is_file(path: str) -> bool:
    """Whether it names a file; else it is a Hugging Face id. `DataError` for what can be neither."""
    if path.endswith(TABLE_FILES):
        return True
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; {_GIVE}, or a Hugging Face data set id")
    if os.path.exists(path):
        raise DataError(
            f"{path}: its name must end in {', '.join(TABLE_FILES)}; {_GIVE}, or a Hugging Face data set id"
        )
    if not _HUB_ID.fullmatch(path):
        raise DataError(f"{path!r}: no such file; {_GIVE}, or a Hugging Face data set id")
    return False


def num_rows(source: QuestionSource) -> int | None:
    """Rows of a local file, without reading it: from the footer of a Parquet file, or lines. None for a download."""
    if is_url(source.path) and is_file(source.path) and not exists(source.path):
        raise DataError(f"{source.path}: no such file; {_GIVE}")
    if not is_file(source.path) or is_url(source.path):
        return None
    if source.path.endswith(".parquet"):
        return int(opened(source.path, lambda: pq.ParquetFile(source.path).metadata.num_rows))
    with opened(source.path, lambda: open(source.path, "rb")) as file:
        return sum(1 for line in file if line.strip())


def open_table(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table at `path`, or those of `columns` that it has. `DataError` when it is not there, or damaged."""
    if path.endswith(".parquet"):
        table = opened(path, lambda: _parquet(path, columns))
    else:
        table = opened(path, lambda: _valid(pj.read_json(_readable(path))))
    table = in_our_columns(table)
    return table if columns is None else table.select([name for name in columns if name in table.column_names])


def _parquet(path: str, columns: Sequence[str] | None) -> pa.Table:
    file = pq.ParquetFile(_readable(path))
    whole = columns is None or is_published(file.schema_arrow.names)
    return _valid(file.read(None if whole else [name for name in columns or () if name in file.schema_arrow.names]))


def _readable(path: str) -> str | pa.BufferReader:
    return pa.BufferReader(read_bytes(path)) if is_url(path) else path


def _valid(table: pa.Table) -> pa.Table:
    """Arrow's readers take bytes that are no text for text."""
    table.validate(full=True)
    return table


def opened(path: str, read: Callable[[], Any]) -> Any:
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; {_GIVE}")
    try:
        return read()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {_GIVE}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        broken = None if path.endswith(".parquet") or is_url(path) else _first_bad_line(path)
        raise DataError(broken or f"{path}: cannot be read ({str(error).splitlines()[0]}); restore it") from None


def _first_bad_line(path: str) -> str | None:
    """What is wrong with a JSONL file, and where: Arrow names neither the line nor the column."""
    kinds: dict[str, str] = {}
    with open(path, "rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw)
            except ValueError as error:
                return f"{path} line {number}: is no JSON ({error}); write one object a line"
            if not isinstance(row, dict):
                return f"{path} line {number}: is no object {{...}}; write one object a line"
            for key, value in row.items():
                kind = _kind(value)
                if kind and kinds.setdefault(key, kind) != kind:
                    return f"{path} line {number}: {key!r} is {kind} here and {kinds[key]} before; use one type"
    return None if kinds else f"{path}: has no rows; {_GIVE}"


def _kind(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "")


def _read_file(path: str, required: Sequence[str]) -> list[Row]:
    table = open_table(path)
    _check_questions(table, path, required)
    rows: list[Row] = table.to_pylist()
    return [row | {"_where": f"{path} row {number}"} for number, row in enumerate(rows)]


def check_source(source: QuestionSource, required: Sequence[str] = ("question",)) -> None:
    """What `read_source` would refuse of a local file, from the columns that name its rows and the types of all."""
    if num_rows(source) is None:
        return
    columns = None
    if source.path.endswith(".parquet"):
        schema = opened(source.path, lambda: pq.read_schema(source.path))
        if not is_published(schema.names):
            check_types(schema, source.path, required, QUESTION_TYPES)
            columns = [*required, "question_id"]
    _check_questions(open_table(source.path, columns), source.path, required)


def _check_questions(table: pa.Table, path: str, required: Sequence[str]) -> None:
    check_columns(table, path, required, QUESTION_TYPES)
    if "question_id" in table.column_names and not pa.types.is_null(table.schema.field("question_id").type):
        refuse_repeated(table, path, ("question_id",))


def check_columns(table: pa.Table, path: str, required: Sequence[str], types: Mapping[str, _Kind]) -> None:
    """`DataError` unless there are rows, every required column without nulls, and every known one of its type."""
    check_types(table.schema, path, required, types)
    if not table.num_rows:
        raise DataError(f"{path}: has no rows; {_GIVE}")
    for name in required:
        if table[name].null_count:
            raise DataError(f"{path} row {_first(pc.is_null(table[name]))}: {name} is null; fill it or remove the row")


def check_types(schema: pa.Schema, path: str, required: Sequence[str], types: Mapping[str, _Kind]) -> None:
    for name in required:
        if name not in schema.names:
            raise DataError(f"{path}: column {name!r} is missing; it has {', '.join(schema.names) or 'none'}")
    for name, (wanted, fits) in types.items():
        kind = schema.field(name).type if name in schema.names else pa.null()
        if not fits(kind) and not (pa.types.is_null(kind) and name not in required):
            raise DataError(f"{path}: column {name!r} must hold {wanted}, not {kind}; convert it")


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


def _is_text(kind: pa.DataType) -> bool:
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or plain == pa.string_view())


def _is_texts(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return _is_text(kind) or (is_list and (_is_text(kind.value_type) or pa.types.is_null(kind.value_type)))


_Kind = tuple[str, Callable[[pa.DataType], bool]]
TEXT: _Kind = ("text", _is_text)
WHOLE: _Kind = ("whole numbers", pa.types.is_integer)
ID: _Kind = ("texts or whole numbers", lambda kind: _is_text(kind) or pa.types.is_integer(kind))
QUESTION_TYPES: dict[str, _Kind] = {
    "question": TEXT,
    "answer": (
        "texts or numbers",
        lambda kind: _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind),
    ),
    "solution": TEXT,
    "subject": TEXT,
    "level": WHOLE,
    "skills": ("a list of texts, or one text", _is_texts),
    "question_id": ID,
}


def _from_hub(source: QuestionSource) -> list[str]:
    """Local paths of the Parquet files that the hub keeps of every public data set."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    pattern = f"{source.subset or 'default'}/{source.split or 'train'}/*.parquet"
    try:
        folder = snapshot_download(
            source.path, repo_type="dataset", revision="refs/convert/parquet", allow_patterns=[pattern]
        )
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise DataError(f"{source.path}: neither a file nor a Hugging Face data set that can be read") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"{source.path}: cannot be downloaded ({reason}); give a local path with --set") from None
    paths = sorted(glob.glob(f"{folder}/{pattern}"))
    if not paths:
        raise DataError(f"{source.path}: has no subset {source.subset!r} with split {source.split!r}")
    return paths
