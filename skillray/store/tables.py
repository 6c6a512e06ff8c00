"""A table is complete or absent: immutable Parquet parts, then a manifest, written last.

    RUN/.../graded/parts/000000.parquet ...     written by whoever makes them, each one committed whole
    RUN/.../graded/manifest.json                names, sizes, sha256 and rows: from now on the table exists
    RUN/.../graded/manifest.json {"link": ...}  the table of another folder, shared

There is no resume mode: every step asks whether its table exists, and a part that exists is not made again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from skillray.errors import TableError
from skillray.store.files import commit, commit_json, exists, read_json
from skillray.store.schemas import TABLES

PART_ROWS = 1 << 16
"""Rows of a part, at most, where one process writes a table: what a reader of one part holds in memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable file of a table."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Table:
    """The table at `folder`; its schema is that of the folder's last name."""

    folder: str

    @property
    def schema(self) -> pa.Schema:
        return TABLES[os.path.basename(self.folder)]

    @property
    def manifest_path(self) -> str:
        return os.path.join(self.folder, "manifest.json")

    def complete(self) -> bool:
        return exists(self.manifest_path)

    def source(self) -> Table:
        """Where the parts are: this folder, or the one it links to."""
        link = read_json(self.manifest_path).get("link")
        return Table(os.path.normpath(os.path.join(self.folder, link))).source() if link else self

    def parts(self) -> tuple[Part, ...]:
        """`TableError` when the table is not complete."""
        return tuple(Part(**part) for part in read_json(self.source().manifest_path)["parts"])

    def paths(self) -> list[str]:
        source = self.source()
        return [source.part_path(part.name) for part in source.parts()]

    def num_rows(self) -> int:
        return sum(part.rows for part in self.parts())

    def fingerprint(self) -> str:
        """Hex digest of the parts' hashes: equal tables made in the same cut have equal fingerprints."""
        return hashlib.sha256("".join(part.sha256 for part in self.parts()).encode()).hexdigest()

    def part_path(self, name: str) -> str:
        return os.path.join(self.folder, "parts", name)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows, in the order of the parts. Call it in a worker, and with few columns: rows stay off the driver."""
        wanted = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        tables = [read_part(path, columns) for path in self.paths()]
        return pa.concat_tables(tables) if tables else wanted.empty_table()

    def iterate(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Part by part, so that memory holds one."""
        for path in self.paths():
            yield read_part(path, columns)

    def write_part(self, name: str, rows: pa.Table) -> Part:
        """Commit one part; done twice, it is the same part."""
        data = encode(conform(rows, self.schema, self.folder))
        commit(self.part_path(name), data)
        return Part(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), rows=rows.num_rows)

    def found_part(self, name: str) -> Part | None:
        """The part if an earlier attempt committed it."""
        path = self.part_path(name)
        if not exists(path):
            return None
        with open(path, "rb") as file:
            data = file.read()
        rows = pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows
        return Part(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), rows=rows)

    def seal(self, parts: Sequence[Part], *, epoch: int, made_from: str = "") -> None:
        """Publish the table. `epoch` is the writer's fencing epoch, `made_from` the hash of settings and inputs."""
        ordered = [asdict(part) for part in sorted(parts, key=lambda part: part.name)]
        rows = sum(part.rows for part in parts)
        body = {"parts": ordered, "rows": rows, "schema": str(self.schema), "epoch": epoch, "made_from": made_from}
        commit_json(self.manifest_path, body)

    def write(self, rows: pa.Table, *, epoch: int, made_from: str = "") -> None:
        """A table from one worker."""
        starts = range(0, max(1, rows.num_rows), PART_ROWS)
        self.write_all((rows.slice(start, PART_ROWS) for start in starts), epoch=epoch, made_from=made_from)

    def write_all(self, rows: Iterable[pa.Table], *, epoch: int, made_from: str = "") -> None:
        """A table that its worker makes part by part, so that memory holds one."""
        parts = [self.write_part(f"{index:06d}.parquet", part) for index, part in enumerate(rows)]
        self.seal(parts, epoch=epoch, made_from=made_from)

    def link(self, target: Table, *, epoch: int) -> None:
        """Publish `target`, which must be complete, under this folder too."""
        target.parts()
        commit_json(self.manifest_path, {"link": os.path.relpath(target.folder, self.folder), "epoch": epoch})

    def verify(self) -> None:
        """Re-hash every part; `TableError` names the first one that differs."""
        source = self.source()
        for part in source.parts():
            found = source.found_part(part.name)
            if found != part:
                raise TableError(f"{source.part_path(part.name)} differs from its manifest: remove the table and rerun")


def conform(rows: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """`rows` in the columns, order and types of `schema`; a missing column or a null where none may be is refused."""
    if lacking := [name for name in schema.names if name not in rows.column_names]:
        raise TableError(f"{where}: column {lacking[0]!r} is missing")
    for field in schema:
        if not field.nullable and rows.column(field.name).null_count:
            raise TableError(f"{where}: column {field.name!r} has nulls")
    return rows.select(schema.names).cast(schema)


def encode(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_part(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One part; page checksums are verified, so a flipped byte is an error and not a wrong number."""
    try:
        return pq.read_table(path, columns=None if columns is None else list(columns), page_checksum_verification=True)
    except FileNotFoundError:
        raise TableError(f"{path} is in the manifest but not on disk: remove the table's folder and rerun") from None
    except (pa.ArrowInvalid, OSError) as error:
        message = str(error).splitlines()[0]
        raise TableError(f"{path} is damaged ({message}): remove the table's folder and rerun") from None
