"""Two students whose examples are edited while they learn, on real Ray, DeepSpeed and the arithmetic teacher."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow.compute as pc
import pytest

from skillray.config import parse
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from tests.ray.test_loop import SMALL, supervise

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

EPOCHS, FIRST = 5, 3
DYNAMICS = {"first": FIRST, "regenerate_every": 2}
EDITED = SMALL | {
    "name": "edited",
    "training": {name: value for name, value in SMALL["training"].items() if name != "max_tokens"} | {"epochs": EPOCHS},
    "students": [
        {
            "name": name,
            "stages": [{"curriculum": {"type": "uniform", "num_examples": 64}, "dynamics": DYNAMICS | {"lag": lag}}],
        }
        for name, lag in (("waits", 0), ("ahead", 1))
    ],
}
STUDENTS = ("waits", "ahead")


@pytest.fixture(scope="module")
def run(local_ray, tmp_path_factory) -> RunFolder:
    path = str(tmp_path_factory.mktemp("edited"))
    assert supervise(parse(EDITED, "test"), path)
    return RunFolder(path)


def segments(run: RunFolder, student: str):
    return [run.round(student, 0).segment(index) for index in range(EPOCHS)]


@pytest.mark.parametrize("student", STUDENTS)
def test_epochs_are_segments_of_one_fit(run, student):
    steps = []
    for index, segment in enumerate(segments(run, student)):
        schedule, learning = (segment.table(name).read(["step", "slot", "example_id"]) for name in TABLES)
        assert learning == schedule
        assert set(segment.table("learning").read(["epoch"])["epoch"].to_pylist()) == {index}
        steps += sorted(set(learning["step"].to_pylist()))
    assert steps == list(range(EPOCHS * 4))
    assert read_json(run.status)["students"][student]["state"] == "done"


TABLES = ("schedule", "learning")


@pytest.mark.parametrize(("student", "first"), [("waits", FIRST), ("ahead", FIRST + 1)])
def test_an_update_comes_after_enough_epochs_and_accounts_for_every_example(run, student, first):
    for index, (before, segment) in enumerate(pairwise(segments(run, student)), 1):
        categories = segment.table("categories")
        assert categories.complete() == (index >= first)
        if index < first:
            assert segment.table("examples").source() == segments(run, student)[0].table("examples")
            continue
        known = before.table("examples").read(["example_id"])["example_id"].to_pylist()
        assert categories.read()["example_id"].to_pylist() == sorted(known)
        notes, sizes = read_json(segment.study)["notes"], Counter(categories.read()["category"].to_pylist())
        assert all(notes[name] == count for name, count in sizes.items())
        assert notes["carried"] + notes["dropped"] == len(known)
        examples = segment.table("examples").read(["example_id", "origin", "weight"]).to_pylist()
        written = [row for row in examples if row["origin"] in ("synthesize", "compose")]
        carried = [row for row in examples if row["example_id"] in set(known)]
        assert len(carried) == notes["carried"] and len(carried) + len(written) >= len(examples)
        assert sum(row["weight"] == 0.5 for row in carried) == notes["of_them_downweighted"]


@pytest.mark.parametrize("student", STUDENTS)
def test_a_teacher_wrote_what_the_first_update_ordered(run, student):
    origins = Counter(segments(run, student)[-1].table("examples").read(["origin"])["origin"].to_pylist())
    assert origins["select"] and origins["synthesize"] + origins["compose"] > 0


def test_students_whose_probe_is_the_same_have_one_fit(run):
    sources = {run.round(student, 0).probe.table("learning").source().folder for student in STUDENTS}
    assert len(sources) == 1 and all(Path(source).is_relative_to(run.file("shared")) for source in sources)


@pytest.mark.parametrize("student", STUDENTS)
def test_what_was_spoilt_for_the_probe_was_never_trained_on(run, student):
    probe = run.round(student, 0).probe
    rows = probe.table("examples").read(["example_id", "origin"])
    spoilt = set(rows.filter(pc.equal(rows["origin"], "spoilt"))["example_id"].to_pylist())
    assert len(spoilt) == 3  # a twentieth of 64
    assert set(probe.table("learning").read(["epoch"])["epoch"].to_pylist()) == {0, 1, 2}
    for segment in segments(run, student):
        assert not spoilt & set(segment.table("examples").read(["example_id"])["example_id"].to_pylist())
