"""How examples were learnt, from tables: an edited student beside one with the same examples that was not."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from skillray.curriculum.dynamics import Dynamics
from skillray.diagnosis.dynamics import Baseline, Category
from skillray.diagnosis.learning import losses_by_example
from skillray.loop.study import orders_table
from skillray.loop.summary import study_of
from skillray.report import tables, write_report
from skillray.report.data_map import MAX_POINTS, map_figure, sampled
from skillray.report.learnt import Learnt, read_learnt, size_rows
from skillray.report.studied import read_studied
from skillray.store.fence import UNFENCED
from skillray.store.files import commit_json
from skillray.store.layout import RoundFolder, RunFolder
from tests.unit.report.make_run import example
from tests.unit.report.test_report_page import Page, images

EPOCHS = 5
REMOVED = {"refused_no_agreement": 2, "drafts_near_duplicates": 1, "drafts_new": 9}
BASELINE = Baseline(mean=4.0, std=0.5)
# Mean and spread of the losses: errors are flat and high, hard ones fall from high, easy ones are low and flat.
KINDS = {"wrong": (5.0, 0.0), "hard": (3.0, 0.4), "easy": (0.5, 0.0), "ambiguous": (1.0, 0.4)}
COUNTS = {"wrong": 1, "hard": 3, "easy": 5, "ambiguous": 1}
NAMES = [f"{kind}-{n}" for kind, count in COUNTS.items() for n in range(count)]


def rows_of(names: list[str], origin: str = "select") -> pa.Table:
    rows = [
        example(place, origin, question=name) | {"example_id": name.encode().ljust(16)}
        for place, name in enumerate(names)
    ]
    return pa.Table.from_pylist(rows, schema=RoundFolder("").table("examples").schema)


def losses(names: list[str], epochs: range) -> pa.Table:
    """From epoch to epoch each loss falls by its spread: of three, the standard deviation is 0.8 of that."""
    rows = []
    for epoch in epochs:
        for place, name in enumerate(names):
            mean, fall = KINDS.get(name.split("-")[0], (1.0, 0.0))
            loss = mean + fall * (2 - epoch)
            rows.append(
                {"example_id": name.encode().ljust(16), "epoch": epoch, "step": epoch * 10 + place // 8}
                | {"slot": place % 8, "loss": loss, "num_tokens": 3}
            )
    return pa.Table.from_pylist(rows, schema=RoundFolder("").table("learning").schema)


def write(folder: RoundFolder, **tables: pa.Table) -> None:
    for name, rows in tables.items():
        folder.table(name).write(rows, fence=UNFENCED)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Of `dsa` the last two epochs are edited; `static` has the same examples in one segment; `other` has others."""
    made = RunFolder(str(tmp_path))
    edited, names = made.round("dsa", 0), NAMES
    for epoch in range(EPOCHS):
        segment = edited.segment(epoch)
        if epoch >= 3:
            history = losses_by_example(*(edited.segment(e).table("learning") for e in range(epoch)))
            outline = edited.segment(epoch - 1).table("examples").read(["example_id", "question_id", "skills"])
            outline = outline.append_column("is_asked", pa.array([True] * outline.num_rows))
            update = Dynamics(cap=0.3).update(history, outline, BASELINE, epoch, random.Random(0))
            write(segment, categories=update.categories, orders=orders_table(update.plan))
            commit_json(
                segment.study, {"memory": {}, "notes": {**update.plan.notes, **(REMOVED if epoch == 3 else {})}}
            )
            names = [name for name in names if not name.startswith("wrong")] + ["new-0"] * (epoch == 3)
        write(segment, examples=rows_of(names), learning=losses(names, range(epoch, epoch + 1)))
    for name, known in (("static", NAMES), ("other", NAMES[1:])):
        write(made.round(name, 0).segment(), examples=rows_of(known), learning=losses(known, range(EPOCHS)))
    students = {name: {"state": "done"} for name in ("dsa", "static", "other")}
    commit_json(made.status, {"run": "demo", "state": "done", "students": students})
    return made


def sizes(learnt: Learnt) -> list[tuple[int, list[int]]]:
    return [(one.epoch, [one.counts[category] for category in Category]) for one in learnt.sizes]


def test_sizes_before_every_epoch_that_an_update_can_come_before(run: RunFolder) -> None:
    (dsa, static, other), problems = read_learnt(run, ["dsa", "static", "other"])
    assert problems == [] and (dsa.edited, static.edited, other.edited) == (True, False, False)
    # error, hard, easy, ambiguous, unseen. The mean of all is 2.25, of the nine that stay 1.83: hard ones are above.
    assert sizes(dsa) == [(3, [1, 3, 5, 1, 0]), (4, [0, 3, 5, 1, 1])]
    assert (static.like, sizes(static)) == ("dsa", [(3, [1, 3, 5, 1, 0]), (4, [1, 3, 5, 1, 0])])
    assert other.like is None and other.sizes[0].counts[Category.ERROR] == 0  # other data, so no baseline to borrow
    assert static.bounds["error_from_mean"] == 4.0 and "error_from_mean" not in other.bounds


def test_what_was_done_stands_beside_the_sizes(run: RunFolder) -> None:
    learnt, _ = read_learnt(run, ["dsa", "static"])
    rows = {(one.student, epoch): edits for one, epoch, _, edits in size_rows(learnt)}
    shown = {key: [cell.main for cell in edits] for key, edits in rows.items()}
    # dropped, carried, of them lighter, ordered (a third of 10), new, removed
    assert shown["dsa", 3] == ["1", "9", "5", "3", "1", "3"]
    assert rows["dsa", 3][-1].small == "1 near duplicates, 2 no agreement"
    assert shown["dsa", 4] == ["0", "10", "5", "0", "0", "0"]
    assert shown["static", 3] == shown["static", 4] == ["–"] * 6


def test_without_updates_there_is_nothing(run: RunFolder) -> None:
    assert read_learnt(run, ["static", "other"]) == ([], [])


def test_a_damaged_table_is_named_and_the_rest_is_read(run: RunFolder) -> None:
    (path,) = run.round("static", 0).segment().table("learning").paths()
    Path(path).write_bytes(b"PAR1")
    learnt, (problem,) = read_learnt(run, ["dsa", "static", "other"])
    assert [one.student for one in learnt] == ["dsa", "other"] and f"{path} is damaged" in problem


def test_an_example_that_is_carried_on_counts_once(run: RunFolder) -> None:
    (found,) = read_studied(run, "dsa")
    assert {origin: count for origin, (count, _) in found.origins.items()} == {"select": len(NAMES) + 1}
    assert "carry" not in {kind for _, kind in found.orders}
    assert len(found.losses) == 2 * EPOCHS


def test_the_page_has_the_sizes_and_a_map_each(run: RunFolder) -> None:
    html = Path(write_report(run)).read_text()
    text = " ".join(Page(html).text.split())
    assert "How examples were learnt" in text and "as dsa" in text and "no error baseline" in text
    maps = [svg for svg in images(html) if "spread of its losses" in svg]
    assert len(maps) == 3 and all("easy 5" in svg for svg in maps)
    assert sum("error 1" in svg for svg in maps) == 1  # before its last epoch dsa has none left


def test_the_sizes_in_a_terminal(run: RunFolder) -> None:
    rows = [" ".join(row.split()) for row in tables(run).splitlines()]
    assert "dsa 0 3 1 3 5 1 0 1 9 5 3 1 3" in rows and "static 0 4 1 3 5 1 0 – – – – – –" in rows


def test_the_summary_counts_all_segments_and_an_example_once(run: RunFolder) -> None:
    folder = run.round("dsa", 0)
    for place in range(2):
        rows = [{"epoch": place, "step": 4 * place + n, "slot": 0, "example_id": b"x" * 16} for n in range(4)]
        counted = [row | {"weight": 1.0, "num_loss_tokens": 2, "num_tokens": 5} for row in rows]
        for target in (folder.segment(2 + place), *([folder.probe] if place else [])):
            target.table("schedule").write(pa.Table.from_pylist(counted), fence=UNFENCED)
    found = study_of(folder)
    assert (found["steps"], found["tokens"], found["loss_tokens"], found["probe_tokens"]) == (8, 40, 16, 20)
    assert found["examples"] == len(NAMES) + 1  # one came new, one was dropped


def test_a_map_is_thinned_and_needs_losses(run: RunFolder) -> None:
    (dsa, *_), _ = read_learnt(run, ["dsa"])
    many = pa.concat_tables([dsa.last] * 500)
    assert sampled(many, 1).num_rows == MAX_POINTS and sampled(many, 1).equals(sampled(many, 1))
    assert sampled(dsa.last, 1).equals(dsa.last)
    unseen = dsa.last.set_column(1, "category", pa.array(["unseen"] * dsa.last.num_rows))
    assert map_figure(Learnt("a", 0, dsa.sizes, unseen, {}, edited=True)) == ""
