"""Embed-Sel and Embed-Syn through the whole loop: a tiny Bert says what is alike."""

from __future__ import annotations

import numpy as np
import pytest

from skillray.config import dump_config, parse
from skillray.loop.diagnose import choose_difficult
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from tests.ray.test_loop import SMALL
from tests.tiny import save_tiny_bert

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
STUDENTS = [
    {"name": "sel", "curriculum": {"type": "embed-sel", "num_examples": 60}},
    {"name": "syn", "curriculum": {"type": "embed-syn", "num_examples": 40}},
]


@pytest.fixture(scope="module")
def run(local_ray, tmp_path_factory) -> RunFolder:
    from skillray.on_ray.launch import supervise

    folder = RunFolder(str(tmp_path_factory.mktemp("embed")))
    more = {
        "name": "embed",
        "students": STUDENTS,
        "embedding": {"model": save_tiny_bert(tmp_path_factory.mktemp("bert"))},
        "placement": SMALL["placement"] | {"embed": {"num_cpus": 0.1}},
    }
    config = parse(SMALL | more, "test")
    with writing(folder.path) as fence:
        fence.commit(folder.config, dump_config(config).encode())
        assert supervise(config, fence, lambda running: None)
    return folder


def test_pool_and_profile_are_embedded_once(run):
    for split, rows in (("pool", 12 * 18), ("profile", 4 * 18)):
        found = run.embeddings(split).read()
        assert found["question_id"].to_pylist() == run.questions(split).read(["question_id"])["question_id"].to_pylist()
        vectors = np.array(found["vector"].to_pylist())
        assert vectors.shape == (rows, 32) and np.linalg.norm(vectors, axis=1) == pytest.approx([1.0] * rows, abs=1e-5)


def test_every_difficult_question_has_its_five_nearest(run):
    """Against all similarities at once, worked out here."""
    pool, profile = (run.embeddings(split).read() for split in ("pool", "profile"))
    vectors = {name: np.array(table["vector"].to_pylist()) for name, table in (("pool", pool), ("profile", profile))}
    similar = dict(zip(profile["question_id"].to_pylist(), vectors["profile"] @ vectors["pool"].T, strict=True))
    ids = pool["question_id"].to_pylist()
    difficult = choose_difficult(run.round("sel", 0).table("graded"), 500, 0)
    rows = run.round("sel", 0).segment().table("neighbours").read().to_pylist()
    assert {row["question_id"] for row in rows} == difficult and difficult
    for row in rows:
        best = sorted(similar[row["question_id"]], reverse=True)[:5]
        assert row["similarity"] == pytest.approx(best, abs=1e-5)
        found = [similar[row["question_id"]][ids.index(one)] for one in row["nearest"]]
        assert found == pytest.approx(best, abs=1e-5) and len(set(row["nearest"])) == 5


def test_sel_studies_the_nearest_and_syn_what_is_written_after_them(run):
    near = {
        name: {
            row["question_id"]: set(row["nearest"])
            for row in run.round(name, 0).segment().table("neighbours").read().to_pylist()
        }
        for name in ("sel", "syn")
    }
    assert near["sel"] == near["syn"]  # the same start, the same difficult questions
    orders = run.round("sel", 0).segment().table("orders").read().to_pylist()
    assert all(set(order["question_ids"]) <= near["sel"][order["parent_id"]] for order in orders)
    examples = run.round("sel", 0).segment().table("examples").read(["question_id", "origin"]).to_pylist()
    assert {row["question_id"] for row in examples} == {one for order in orders for one in order["question_ids"]}
    groups = [set(row["parents"]) for row in run.round("syn", 0).segment().table("examples").read().to_pylist()]
    assert groups and all(len(group) == 3 and any(group <= some for some in near["syn"].values()) for group in groups)


def test_no_teacher_was_asked_for_missing_skills_and_both_were_trained(run):
    status, summary = read_json(run.status), read_json(run.summary)
    assert set(status["usage"]["teacher"]["by_task"]) == {"write_questions", "solve"}
    assert not run.round("sel", 0).table("gaps").complete()
    assert all(len(student["rounds"]) == 2 for student in summary["students"].values())
    assert summary["students"]["syn"]["rounds"][1]["notes"]["written"] >= 34  # of 40, as far as waves go
