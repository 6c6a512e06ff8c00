"""Replay: text that has nothing to do with any skill, so that a student does not forget how to write."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from skillray.config.model import TextSource
from skillray.errors import DataError
from skillray.loop.columns import TEXT, check_columns, check_types
from skillray.loop.fulfil import as_drafts, leaks_of
from skillray.loop.select import draws_of
from skillray.loop.sources import is_file, local_paths, paths_of
from skillray.loop.table_files import open_table, schema_of
from skillray.store.files import exists, is_url, read_bytes
from skillray.store.schemas import TEXTS
from skillray.store.tables import Table
from skillray.types import content_id

PLAIN = ".txt"
GIVE = "give a text, Parquet or JSONL file"


def read_texts(source: TextSource) -> pa.Table:
    """Different texts of a source (TEXTS schema): rows of its column, or the paragraphs of a plain file.

    Raises:
        DataError: a file or a column is not what it must be; names it.
    """
    texts = _paragraphs(source.path) if source.path.endswith(PLAIN) else _rows(source)
    by_id = {content_id("text", text): text for text in texts}
    if not by_id:
        raise DataError(f"{source.path}: has no text; give a file with some")
    return pa.table({"text_id": list(by_id), "text": list(by_id.values())}, schema=TEXTS)


def check_texts(source: TextSource) -> None:
    """What `read_texts` would refuse of a local file, without reading all of it."""
    if is_url(source.path) or not (source.path.endswith(PLAIN) or os.path.isdir(source.path) or is_file(source.path)):
        return
    if source.path.endswith(PLAIN) and os.path.isdir(source.path):
        raise DataError(f"{source.path} is a folder; {GIVE}")
    for path in local_paths(source) or ():
        if not exists(path):
            raise DataError(f"{path}: no such file; {GIVE}")
        if path.endswith(".parquet"):
            check_types(schema_of(path), path, [source.column], {source.column: TEXT})


def _paragraphs(path: str) -> Iterable[str]:
    """Cut at blank lines."""
    try:
        whole = read_bytes(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {GIVE}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 text ({error.reason} at byte {error.start}); convert it") from None
    return [text for part in whole.replace("\r\n", "\n").split("\n\n") if (text := part.strip())]


def _rows(source: TextSource) -> Iterable[str]:
    for path in paths_of(source):
        table = open_table(path, {source.column: TEXT}, [source.column])
        check_columns(table, path, [source.column], {source.column: TEXT})
        yield from (text for text in table[source.column].to_pylist() if text.strip())


@dataclass(frozen=True)
class Replay:
    """Stage: texts to drafts of those that the orders draw (DRAFTS schema), tokenised for the student.

    A text of more than `max_length` tokens is cut off there. One that gives an evaluation question away is refused.
    """

    orders: str
    """Folder of the orders table."""
    model: str
    max_length: int
    evaluation: tuple[str, ...]
    """Folders of the tables of questions that no example may give away."""

    def open(self) -> Callable[[pa.Table], pa.Table]:
        from skillray.training.checkpoint import load_tokenizer

        tokenizer, leaks, draws = load_tokenizer(self.model), leaks_of(self.evaluation), draws_of(Table(self.orders))

        def replay(texts: pa.Table) -> pa.Table:
            places = pc.index_in(texts["text_id"], value_set=draws["question_id"].combine_chunks())
            drawn = draws.take(places.drop_null()).to_pylist()
            rows = [
                {
                    "example_id": content_id("", row["text"]),
                    "question": "",
                    "response": row["text"],
                    "skills": [],
                    "parents": [],
                    "refused": "evaluation_text" if leaks.shares_text(row["text"]) else None,
                    **draw,
                }
                for row, draw in zip(texts.filter(pc.is_valid(places)).to_pylist(), drawn, strict=True)
            ]
            return as_drafts(tokenizer, rows, self.max_length)

        return replay
