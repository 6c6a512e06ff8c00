"""Tables: complete or absent, and never silently wrong."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from skillray.errors import TableError
from skillray.store import tables
from skillray.store.fence import UNFENCED, Fence
from skillray.store.ids import as_arrow, as_numpy
from skillray.store.schemas import GAPS, ID
from skillray.store.tables import Table

ROW = {"question_id": bytes(16), "question": "1+1?", "response": "3", "skills": ["sum"], "missing_skills": ["sum"]}


def rows(count: int) -> pa.Table:
    return pa.Table.from_pylist(
        [ROW | {"question_id": bytes([n] * 16), "outcome": "ok"} for n in range(count)], schema=GAPS
    )


def table(tmp_path, name: str = "gaps") -> Table:
    return Table(str(tmp_path / "round" / name))


def test_parts_alone_are_no_table(tmp_path):
    gaps = table(tmp_path)
    gaps.write_part("000000.parquet", rows(2), fence=UNFENCED)
    assert not gaps.complete()
    with pytest.raises(TableError, match="has not finished"):
        gaps.read()


def test_a_sealed_table_is_read_in_the_order_of_its_parts(tmp_path):
    gaps = table(tmp_path)
    second = gaps.write_part("000001.parquet", rows(1), fence=UNFENCED)
    first = gaps.write_part("000000.parquet", rows(2), fence=UNFENCED)
    gaps.seal([second, first], fence=UNFENCED)
    assert gaps.num_rows() == 3
    assert [row["question_id"][0] for row in gaps.read(["question_id"]).to_pylist()] == [0, 1, 0]


def test_a_part_made_twice_is_the_same_part(tmp_path):
    gaps = table(tmp_path)
    first = gaps.write_part("000000.parquet", rows(2), fence=UNFENCED)
    assert gaps.write_part("000000.parquet", rows(2), fence=UNFENCED) == first
    assert gaps.found_part("000000.parquet") == first
    assert gaps.found_part("000009.parquet") is None


def test_of_a_part_the_first_write_stays(tmp_path):
    gaps = table(tmp_path)
    first = gaps.write_part("000000.parquet", rows(2), fence=UNFENCED)
    assert gaps.write_part("000000.parquet", rows(3), fence=UNFENCED) == first  # what a late worker made otherwise


def test_a_manifest_is_never_replaced(tmp_path):
    gaps = table(tmp_path)
    gaps.write(rows(2), fence=UNFENCED)
    sealed = open(gaps.manifest_path, "rb").read()
    gaps.write(rows(2), fence=Fence("", 3))  # the same table: nothing happens
    with pytest.raises(TableError, match="sealed already, with other parts"):
        gaps.seal([], fence=UNFENCED)
    assert open(gaps.manifest_path, "rb").read() == sealed


def test_links_are_followed(tmp_path):
    shared, mine = table(tmp_path), Table(str(tmp_path / "students" / "a" / "gaps"))
    with pytest.raises(TableError):
        mine.link(shared, fence=UNFENCED)  # not complete yet
    shared.write(rows(3), fence=UNFENCED)
    mine.link(shared, fence=UNFENCED)
    assert mine.read().equals(shared.read())
    assert mine.fingerprint() == shared.fingerprint()


def test_a_large_table_is_cut_into_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "PART_ROWS", 2)
    gaps = table(tmp_path)
    gaps.write(rows(5), fence=UNFENCED)
    assert [(part.name, part.rows) for part in gaps.parts()] == [
        ("000000.parquet", 2),
        ("000001.parquet", 2),
        ("000002.parquet", 1),
    ]
    assert gaps.read().equals(rows(5))


def test_ids_go_to_numpy_and_back():
    ids = [bytes([2] * 16), bytes([1] * 15) + b"\0", bytes(16)]  # trailing zeros are part of an id
    column = pa.chunked_array([pa.array(ids[:1], ID), pa.array(ids, ID).slice(1)])
    assert as_arrow(as_numpy(column)).to_pylist() == ids
    assert as_arrow(np.sort(as_numpy(column))).to_pylist() == sorted(ids)
    assert as_arrow(as_numpy(pa.chunked_array([pa.array(ids, ID).slice(1)]))).to_pylist() == ids[1:]
    assert len(as_numpy(column.slice(3))) == 0


def test_an_empty_table_is_a_table(tmp_path):
    gaps = table(tmp_path)
    gaps.seal([], fence=UNFENCED)
    assert gaps.read().schema == GAPS and gaps.num_rows() == 0


def test_missing_columns_and_nulls_are_refused(tmp_path):
    gaps = table(tmp_path)
    with pytest.raises(TableError, match="'outcome' is missing"):
        gaps.write_part("0.parquet", rows(1).drop_columns("outcome"), fence=UNFENCED)
    nulls = rows(1).set_column(1, "question", pa.array([None], pa.string()))
    with pytest.raises(TableError, match="'question' has nulls"):
        gaps.write_part("0.parquet", nulls, fence=UNFENCED)


@pytest.mark.parametrize("offset", range(4, 2000, 173))
def test_a_flipped_byte_is_found(tmp_path, offset):
    gaps = table(tmp_path)
    gaps.write(rows(50), fence=UNFENCED)
    path = gaps.paths()[0]
    data = bytearray(open(path, "rb").read())
    data[offset % len(data)] ^= 0x10
    open(path, "wb").write(data)
    with pytest.raises((TableError, OSError, pa.ArrowInvalid)):
        gaps.verify()


def test_a_removed_part_is_one_line(tmp_path):
    gaps = table(tmp_path)
    gaps.write(rows(1), fence=UNFENCED)
    (tmp_path / "round" / "gaps" / "parts" / "000000.parquet").unlink()
    with pytest.raises(TableError, match="not on disk"):
        gaps.read()
