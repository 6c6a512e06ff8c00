"""Tables that somebody gave us: read, and refused in one line that names the file, and the column, row or line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from skillray.config.model import QuestionSource, TextSource
from skillray.errors import DataError
from skillray.loop.columns import QUESTION, check_columns, check_types, refuse_repeated
from skillray.loop.hub import from_hub
from skillray.loop.published import is_published
from skillray.loop.table_files import GIVE, num_rows_of, open_questions, schema_of, shards
from skillray.store.files import exists, is_url
from skillray.store.paths import TABLE_FILES, TEXT_FILES

Row = dict[str, Any]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def read_source(source: QuestionSource, required: Sequence[str] = ("question",)) -> list[Row]:
    """The rows of a file, of a folder of files, or of a Hugging Face data set (downloaded once, offline respected).

    Each row also has `_where`, for a message.
    """
    rows: list[Row] = []
    places: dict[str, str] = {}
    paths = paths_of(source)
    for path in paths:
        table = open_questions(path, required=required)
        _check_questions(table, path, required)
        rows += [row | {"_where": f"{path} row {number}"} for number, row in enumerate(table.to_pylist())]
    for row in rows if len(paths) > 1 else ():
        name = row.get("question_id")
        if name is not None and (before := places.setdefault(str(name), row["_where"])) != row["_where"]:
            raise DataError(f"{row['_where']}: question_id {name!r} stands in {before} too; remove one")
    return rows


def paths_of(source: QuestionSource) -> list[str]:
    """Its files, in their order; those of a Hugging Face data set are downloaded first."""
    paths = local_paths(source)
    return from_hub(source) if paths is None else paths


def local_paths(source: QuestionSource) -> list[str] | None:
    """Files that it names, here or in a bucket; None for a Hugging Face id."""
    path = source.path
    is_plain = isinstance(source, TextSource) and path.endswith(TEXT_FILES)
    if not is_plain and not is_file(path):
        return None
    if source.revision is not None:
        raise DataError(f"{path}: is no Hugging Face data set, and has no revision {source.revision!r}; remove it")
    if os.path.isdir(path) or (is_url(path) and not is_plain and not path.endswith(TABLE_FILES)):
        return shards(path, source.split)
    return [path]


def is_file(path: str) -> bool:
    """Whether it names a file or a folder; else it is a Hugging Face id. `DataError` for what can be neither."""
    if path.endswith(TABLE_FILES) or os.path.isdir(path) or is_url(path):
        return True
    if os.path.exists(path):
        raise DataError(f"{path}: its name must end in {', '.join(TABLE_FILES)}; {GIVE}, or a Hugging Face data set id")
    if not _HUB_ID.fullmatch(path):
        raise DataError(f"{path!r}: no such file; {GIVE}, or a Hugging Face data set id")
    return False


def num_rows(source: QuestionSource) -> int | None:
    """Rows of local files, of which none is kept. None for what is in a bucket or would have to be downloaded."""
    paths = local_paths(source)
    if paths is None:
        return None
    if is_url(source.path):
        if missing := [path for path in paths if not exists(path)]:
            raise DataError(f"{missing[0]}: no such file; {GIVE}")
        return None
    return sum(map(num_rows_of, paths))


def check_source(source: QuestionSource, required: Sequence[str] = ("question",)) -> None:
    """What `read_source` would refuse of local files, from the columns that name its rows and the types of all."""
    if num_rows(source) is None:
        return
    for path in paths_of(source):
        columns: Sequence[str] = tuple(QUESTION)
        if path.endswith(".parquet"):
            schema = schema_of(path)
            if not is_published(schema.names):
                check_types(schema, path, required, QUESTION)
                columns = [*required, "question_id"]
        _check_questions(open_questions(path, columns, required), path, required)


def _check_questions(table: pa.Table, path: str, required: Sequence[str]) -> None:
    check_columns(table, path, required, QUESTION)
    if "question_id" in table.column_names and not pa.types.is_null(table.schema.field("question_id").type):
        refuse_repeated(table, path, ("question_id",))
