"""Tables that somebody gave us: read, and refused in one line that names the file, and the column, row or line."""

from __future__ import annotations

import glob
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from skillray.config.model import QuestionSource
from skillray.errors import DataError
from skillray.loop.columns import QUESTION, Kind, check_columns, check_types, refuse_repeated
from skillray.loop.json_rows import read_objects
from skillray.loop.published import is_published, our_columns
from skillray.loop.rows import table_of
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
    return int(opened(source.path, lambda: _count_rows(source.path)))


def _count_rows(path: str) -> int:
    with _binary(path) as file:
        if not path.endswith(".json"):
            return sum(1 for line in file if line.strip())
        return sum(1 for _ in read_objects(file, path))


def open_table(path: str, kinds: Mapping[str, Kind], required: Sequence[str] = ()) -> pa.Table:
    """Those of the columns `kinds` that the table at `path` has.

    Raises:
        DataError: it is not there or damaged, has none of the `required` columns, or a row that cannot be read.
    """
    if path.endswith(".parquet"):
        return opened(path, lambda: _parquet(path, kinds))
    return opened(path, lambda: table_of(_rows(path), path, kinds, required))


def open_questions(path: str, columns: Sequence[str] = tuple(QUESTION), required: Sequence[str] = ()) -> pa.Table:
    """Like `open_table`, for questions, which may be in the columns of those who published them."""
    kinds = {name: QUESTION[name] for name in columns}
    if not path.endswith(".parquet"):
        rows = ((where, our_columns(row)) for where, row in _rows(path))
        return opened(path, lambda: table_of(rows, path, kinds, required))
    if not is_published(opened(path, lambda: pq.read_schema(_readable(path))).names):
        return opened(path, lambda: _parquet(path, kinds))
    published = opened(path, lambda: _valid(pq.ParquetFile(_readable(path)).read())).to_pylist()
    return table_of(
        ((f"{path} row {number}", our_columns(row)) for number, row in enumerate(published)), path, kinds, required
    )


def _rows(path: str) -> Iterator[tuple[str, Row]]:
    with _binary(path) as file:
        yield from ((f"{path} line {number}", row) for number, row in read_objects(file, path))


def _binary(path: str) -> IO[bytes]:
    return io.BytesIO(read_bytes(path)) if is_url(path) else open(path, "rb")


def _parquet(path: str, kinds: Mapping[str, Kind]) -> pa.Table:
    file = pq.ParquetFile(_readable(path))
    return _valid(file.read([name for name in file.schema_arrow.names if name in kinds]))


def _readable(path: str) -> str | pa.BufferReader:
    return pa.BufferReader(read_bytes(path)) if is_url(path) else path


def _valid(table: pa.Table) -> pa.Table:
    """Arrow's readers take bytes that are no text for text."""
    table.validate(full=True)
    return table


def opened(path: str, read: Callable[[], Any]) -> Any:
    """What `read` returns; `DataError` for a file at `path` that is not there, or cannot be read."""
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder; {_GIVE}")
    try:
        return read()
    except DataError:  # a ValueError too, and a line already
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {_GIVE}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({str(error).splitlines()[0]}); restore it") from None


def _read_file(path: str, required: Sequence[str]) -> list[Row]:
    table = open_questions(path, required=required)
    _check_questions(table, path, required)
    rows: list[Row] = table.to_pylist()
    return [row | {"_where": f"{path} row {number}"} for number, row in enumerate(rows)]


def check_source(source: QuestionSource, required: Sequence[str] = ("question",)) -> None:
    """What `read_source` would refuse of a local file, from the columns that name its rows and the types of all."""
    if num_rows(source) is None:
        return
    columns: Sequence[str] = tuple(QUESTION)
    if source.path.endswith(".parquet"):
        schema = opened(source.path, lambda: pq.read_schema(source.path))
        if not is_published(schema.names):
            check_types(schema, source.path, required, QUESTION)
            columns = [*required, "question_id"]
    _check_questions(open_questions(source.path, columns, required), source.path, required)


def _check_questions(table: pa.Table, path: str, required: Sequence[str]) -> None:
    check_columns(table, path, required, QUESTION)
    if "question_id" in table.column_names and not pa.types.is_null(table.schema.field("question_id").type):
        refuse_repeated(table, path, ("question_id",))


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
    paths = sorted(glob.glob(f"{glob.escape(folder)}/{pattern}"))
    if not paths:
        raise DataError(f"{source.path}: has no subset {source.subset!r} with split {source.split!r}")
    return paths
