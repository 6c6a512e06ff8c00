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
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from skillray.errors import TableError
from skillray.store import files
from skillray.store.fence import Fence
from skillray.store.schemas import TABLES

PART_ROWS = 1 << 16
"""Most rows of a part, where one process writes a table: a reader holds one part in memory."""


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
    """The table at `folder`; its schema is that of the folder's last name, up to a '-': profile-2024 is a profile."""

    folder: str

    @property
    def schema(self) -> pa.Schema:
        return TABLES[os.path.basename(self.folder).partition("-")[0]]

    @property
    def manifest_path(self) -> str:
        return os.path.join(self.folder, "manifest.json")

    def complete(self) -> bool:
        return files.stands(self.manifest_path)

    def source(self) -> Table:
        """The table that holds the parts: this one, or the one that it links to."""
        link = files.read_json(self.manifest_path).get("link")
        return Table(files.resolve(self.folder, link)).source() if link else self

    def parts(self) -> tuple[Part, ...]:
        """The parts by name; `TableError` when the table is not complete."""
        return tuple(Part(**part) for part in files.read_json(self.source().manifest_path)["parts"])

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
        tables = [read_part(path, columns) for path in self.paths()]
        if tables:
            return pa.concat_tables(tables)
        schema = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        return schema.empty_table()

    def iterate(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows part by part, so that memory holds one part."""
        for path in self.paths():
            yield read_part(path, columns)

    def write_part(self, name: str, rows: pa.Table, *, fence: Fence) -> Part:
        """Commit one part, and return it; a part that is there already stays, whatever its bytes, and is returned."""
        path, data = self.part_path(name), encode(conform(rows, self.schema, self.folder))
        return _part(path, data if fence.create(path, data) else files.read_bytes(path))

    def found_part(self, name: str) -> Part | None:
        """The part if an earlier attempt committed it."""
        try:
            return _part(self.part_path(name), files.read_bytes(self.part_path(name)))
        except FileNotFoundError:
            return None

    def seal(self, parts: Sequence[Part], *, fence: Fence, made_from: str = "") -> None:
        """Publish the table; `made_from` is the hash of settings and inputs.

        Raises:
            TableError: it is sealed already, with other parts.
            StaleWriterError: this process no longer writes the run.
        """
        ordered = [asdict(part) for part in sorted(parts, key=lambda part: part.name)]
        rows = sum(part.rows for part in parts)
        files.settle(os.path.join(self.folder, "parts"))  # parts of an attempt that died may not be durable yet
        self._publish({"parts": ordered, "rows": rows, "schema": str(self.schema), "made_from": made_from}, fence)

    def write(self, rows: pa.Table, *, fence: Fence, made_from: str = "") -> None:
        """Write and seal a table that one worker holds in memory."""
        starts = range(0, max(1, rows.num_rows), PART_ROWS)
        self.write_all((rows.slice(start, PART_ROWS) for start in starts), fence=fence, made_from=made_from)

    def write_all(self, rows: Iterable[pa.Table], *, fence: Fence, made_from: str = "") -> None:
        """Write and seal a table that one worker makes part by part, so that memory holds one part."""
        parts = [self.write_part(f"{index:06d}.parquet", part, fence=fence) for index, part in enumerate(rows)]
        self.seal(parts, fence=fence, made_from=made_from)

    def link(self, target: Table, *, fence: Fence) -> None:
        """Publish `target`, which must be complete, under this folder too."""
        if not target.complete():
            raise TableError(f"{target.folder} is not complete: it cannot be linked from {self.folder}")
        self._publish({"link": files.relative(target.folder, self.folder)}, fence)

    def _publish(self, body: dict[str, Any], fence: Fence) -> None:
        """Create the manifest. One that is there is never replaced; if only its epoch differs, it is accepted."""
        if fence.create(self.manifest_path, files.as_json(body | {"epoch": fence.epoch})):
            return
        if files.read_json(self.manifest_path) | {"epoch": 0} != body | {"epoch": 0}:
            raise TableError(f"{self.folder} is sealed already, with other parts: remove it and run again")

    def verify(self) -> None:
        """Re-hash every part; `TableError` names the first one that differs."""
        source = self.source()
        for part in source.parts():
            if source.found_part(part.name) != part:
                raise TableError(f"{source.part_path(part.name)} differs from its manifest: remove the table and rerun")


def _part(path: str, data: bytes) -> Part:
    try:
        rows = pq.ParquetFile(pa.BufferReader(data)).metadata.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{path} is damaged ({str(error).splitlines()[0]}): remove it and run again") from None
    return Part(name=os.path.basename(path), size=len(data), sha256=hashlib.sha256(data).hexdigest(), rows=rows)


def conform(rows: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """`rows` in the columns, order and types of `schema`; a missing column or a null where none may be is refused."""
    if lacking := [name for name in schema.names if name not in rows.column_names]:
        raise TableError(f"{where}: column {lacking[0]!r} is missing")
    for field in schema:
        if not field.nullable and rows.column(field.name).null_count:
            raise TableError(f"{where}: column {field.name!r} has nulls")
    return rows.select(schema.names).cast(schema)


def encode(rows: pa.Table) -> bytes:
    """`rows` as a Parquet file, with a checksum for each page."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def read_part(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """One part; page checksums are verified, so a flipped byte is an error and not a wrong number."""
    try:
        source = pa.BufferReader(files.read_bytes(path)) if files.is_url(path) else path
        return pq.read_table(
            source, columns=None if columns is None else list(columns), page_checksum_verification=True
        )
    except FileNotFoundError:
        raise TableError(f"{path} is in the manifest but not on disk: remove the table's folder and rerun") from None
    except (pa.ArrowInvalid, OSError) as error:
        message = str(error).splitlines()[0]
        raise TableError(f"{path} is damaged ({message}): remove the table's folder and rerun") from None
