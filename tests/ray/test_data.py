"""Stages on Ray Data: the rows of a list comprehension, cut by identity, and nothing made twice."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pytest

from skillray.store.fence import UNFENCED
from skillray.store.schemas import GAPS
from skillray.store.tables import Table

pytestmark = pytest.mark.ray


@dataclass(frozen=True)
class Repeat:
    """Each row `times` times, and a line in `seen` for each unit: one in, many out."""

    times: int
    seen: str

    def open(self) -> Callable[[pa.Table], pa.Table]:
        def repeat(rows: pa.Table) -> pa.Table:
            with open(self.seen, "a") as file:
                file.write(f"{self.times} {rows.num_rows}\n")
            return rows.take(pa.array([row for row in range(rows.num_rows) for _ in range(self.times)]))

        return repeat


def source(tmp_path, rows: int) -> Table:
    row = {"question": "q", "response": "r", "skills": [], "missing_skills": [], "outcome": "ok"}
    table = Table(str(tmp_path / "source" / "gaps"))
    ids = [{"question_id": n.to_bytes(16, "big")} for n in range(rows)]
    table.write(pa.Table.from_pylist([row | one for one in ids], schema=GAPS), fence=UNFENCED)
    return table


def test_a_chain_fills_a_table_for_each_link(local_ray, tmp_path):
    from skillray.config.model import Placement
    from skillray.on_ray.data import Job, Link, run_chain

    seen, progress = str(tmp_path / "seen"), []
    first, second = (Table(str(tmp_path / name / "gaps")) for name in ("first", "second"))
    links = [Link(Repeat(2, seen), Placement(num_cpus=0.1)), Link(Repeat(3, seen), Placement(num_cpus=0.1))]

    def run() -> None:
        job = Job(source(tmp_path, 10), (first, second))
        run_chain([job], links, unit_rows=4, fence=UNFENCED, progress=lambda *at: progress.append(at))

    run()
    ids = [int.from_bytes(i, "big") for i in second.read(["question_id"])["question_id"].to_pylist()]
    assert ids == [n for n in range(10) for _ in range(6)]
    assert first.num_rows() == 20
    assert sorted(open(seen).read().split("\n")[:-1]) == ["2 2", "2 4", "2 4", "3 4", "3 8", "3 8"]
    assert progress[-1] == (3, 3, "batches")

    # As if killed before the manifest: the parts that are there are not made again, and come out the same.
    before = second.fingerprint()
    os.unlink(second.manifest_path)
    os.unlink(second.part_path("000001.parquet"))
    run()
    assert open(seen).read().split("\n")[-2] == "3 8" and len(open(seen).read().split("\n")) == 8
    assert second.fingerprint() == before


def test_an_error_in_a_row_is_an_error(local_ray, tmp_path):
    import ray

    from skillray.config.model import Placement
    from skillray.on_ray.coordinator import describe
    from skillray.on_ray.data import Job, Link, run_chain

    target = Table(str(tmp_path / "target" / "gaps"))
    links = [Link(Repeat(1, str(tmp_path)), Placement(num_cpus=0.1))]  # a folder is no file
    with pytest.raises(ray.exceptions.RayError) as caught:
        run_chain([Job(source(tmp_path, 3), (target,))], links, unit_rows=4, fence=UNFENCED, progress=lambda *at: None)
    assert describe(caught.value).startswith("IsADirectoryError: ")
    assert not target.complete()


@pytest.mark.parametrize(
    ("rows", "here", "most", "executed"),
    [(4, True, 4, []), (4, True, 3, [1]), (4, False, 4, [1]), (5, True, 4, [2])],
)
def test_only_one_small_unit_that_may_be_done_here_is(tmp_path, monkeypatch, rows, here, most, executed):
    from skillray.config.model import Placement
    from skillray.on_ray import data

    def by_ray(units, links, fence):
        seen.append(len(units))
        return data._done_here(units, links, fence)

    seen, made = [], Table(str(tmp_path / "made" / "gaps"))
    monkeypatch.setattr(data, "_execute", by_ray)
    monkeypatch.setattr(data, "HERE_ROWS", most)
    links = [data.Link(Repeat(2, str(tmp_path / "seen")), Placement(), here=here)]
    jobs = [data.Job(source(tmp_path, rows), (made,))]
    data.run_chain(jobs, links, unit_rows=4, fence=UNFENCED, progress=lambda *at: None)
    assert seen == executed and made.num_rows() == 2 * rows
