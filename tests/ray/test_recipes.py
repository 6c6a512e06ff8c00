"""A recipe with the paper's settings from end to end: tiny models and tables in place of the large ones, no GPU. Two of
its seven arms: the curricula of the others run in test_loop, test_math and test_augment, but for embed-sel, whose
evidence is that of embed-syn.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skillray.config import dump_config, load_config
from skillray.loop.diagnose import choose_difficult
from skillray.loop.prm import open_prm
from skillray.report import tables
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from tests.llm_server import Answer, llm_server, prompt_of
from tests.tiny import save_tiny_bert, save_tiny_student
from tests.unit.bad_input.kinds import POOL, PROBE, write_rows

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
ARMS = {"embed-syn": {"synthesize"}, "stat-syn": {"synthesize"}}
"""And where their examples come from, at the least."""
RECIPE = Path(__file__).parents[2] / "jobs" / "recipes" / "stat_math_llama1b.yaml"


@pytest.fixture(scope="module")
def run(local_ray, tmp_path_factory) -> Iterator[RunFolder]:
    from skillray.on_ray.launch import supervise

    inputs, folder = tmp_path_factory.mktemp("inputs"), RunFolder(str(tmp_path_factory.mktemp("recipe")))
    write_rows(inputs / "pool.jsonl", [row | {"level": 5} for row in POOL])
    write_rows(inputs / "probe.jsonl", PROBE)
    student, scorer = save_tiny_student(inputs / "student"), save_tiny_student(inputs / "prm", seed=1)
    arms = [arm.model_dump(mode="json") for arm in load_config(str(RECIPE)).students if arm.name in ARMS]
    sets = [f"students={json.dumps([arm | {'model': student} for arm in arms])}"]
    sets += [f"students.{n}.curriculum.num_examples=12" for n in range(len(arms))]
    sets += [f"data.{name}={{path: {inputs / name}.jsonl}}" for name in ("pool", "probe")]
    sets += [
        f"grading.scorer.model={scorer}",
        "grading.scorer.dtype=fp32",
        f"embedding.model={save_tiny_bert(inputs / 'bert')}",
    ]
    sets += [f"placement.{role}.num_gpus=0" for role in ("rollout", "prm", "embed", "train", "teacher")]
    sets += ["placement.grade.num_cpus=0.1", "rollout.max_new_tokens=16", "rollout.engine=transformers"]
    sets += ["data.profile=20", "evaluation.sets=[]"]
    sets += ["evaluation.contrasts=[{arm: stat-syn, control: embed-syn}]"]
    (inputs / "key").write_text("any")
    sets += [] if find_spec("bitsandbytes") else ["training.lora.quantize=null"]
    with llm_server(teacher) as server:
        asked = {"type": "openai", "model": "m", "url": server.url, "api_key_file": str(inputs / "key")}
        config = load_config(str(RECIPE), [*sets, f"teacher={json.dumps(asked)}"])
        with writing(folder.path) as fence:
            fence.commit(folder.config, dump_config(config).encode())
            assert supervise(config, fence, lambda running: None)
    yield folder


def teacher(body: dict[str, Any], before: int) -> Answer:
    """For questions like "7 + 1?", from the prompt alone."""
    prompt, rng = prompt_of(body), random.Random(json.dumps(body))
    if prompt.startswith("Write"):
        return Answer(text=json.dumps({"reason": "", "draft": "", "questions": [f"{rng.randrange(10**6)} + 1?"]}))
    if prompt.startswith("Solve"):
        first = prompt.split("Question:\n")[1].split()[0]
        return Answer(text=f"{first} + 1 = \\boxed{{{int(first) + 1}}}")
    return Answer(text=json.dumps({"judge": "incorrect", "reason": "", "skills": ["sum"]}))


def test_every_arm_was_graded_step_by_step_trained_and_scored(run):
    summary = read_json(run.summary)
    students = summary["students"]
    assert set(students) == set(ARMS)
    compared = {(one["on"], one["arm"], one["control"]) for one in summary["contrasts"]}
    assert ("held_out", "stat-syn", "embed-syn") in compared
    text = tables(run)
    assert "Contrasts that the config named" in text and "Every student was trained once" in text
    for name, student in students.items():
        origins = run.round(name, 0).segment().table("examples").read(["origin"])["origin"].to_pylist()
        assert ARMS[name] <= set(origins), name
        assert len(student["rounds"]) == 2, name
        assert run.round(name, 0).segment().table("learning").num_rows() > 0
        assert (Path(run.round(name, 0).checkpoint) / "adapter_model.safetensors").exists()


def test_the_reward_model_scored_every_step_and_is_gone(run):
    import ray

    rows = run.round("stat-syn", 0).table("graded").read(["question", "step_texts", "step_scores", "refused"])
    scored = [row for row in rows.to_pylist() if row["refused"] is None and row["step_texts"]]
    assert len(scored) > rows.num_rows / 2
    prm = open_prm(load_config(run.config).grading.scorer, "cpu")
    found = prm.score([(row["question"], row["step_texts"]) for row in scored])
    assert [row["step_scores"] for row in scored] == [pytest.approx(scores, abs=1e-5) for scores in found]
    assert all(0 < score < 1 for scores in found for score in scores)  # a random reward model is sure of nothing
    deadline = time.monotonic() + 20
    while any("prm" in actor["name"] for actor in ray.util.list_named_actors(all_namespaces=True)):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_pool_and_profile_are_embedded_once(run):
    for split in ("pool", "profile"):
        found = run.embeddings(split).read()
        assert found["question_id"].to_pylist() == run.questions(split).read(["question_id"])["question_id"].to_pylist()
        vectors = np.array(found["vector"].to_pylist())
        assert vectors.shape == (run.questions(split).num_rows(), 32)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0] * len(vectors), abs=1e-5)


def test_every_difficult_question_has_its_five_nearest(run):
    """Against all similarities at once, worked out here."""
    pool, profile = (run.embeddings(split).read() for split in ("pool", "profile"))
    vectors = {name: np.array(table["vector"].to_pylist()) for name, table in (("pool", pool), ("profile", profile))}
    similar = dict(zip(profile["question_id"].to_pylist(), vectors["profile"] @ vectors["pool"].T, strict=True))
    ids = pool["question_id"].to_pylist()
    difficult = choose_difficult(run.round("embed-syn", 0).table("graded"), 500, 0)
    rows = run.round("embed-syn", 0).segment().table("neighbours").read().to_pylist()
    assert {row["question_id"] for row in rows} == difficult and difficult
    for row in rows:
        best = sorted(similar[row["question_id"]], reverse=True)[:5]
        assert row["similarity"] == pytest.approx(best, abs=1e-5)
        found = [similar[row["question_id"]][ids.index(one)] for one in row["nearest"]]
        assert found == pytest.approx(best, abs=1e-5) and len(set(row["nearest"])) == 5


def test_embed_syn_studies_what_is_written_after_the_nearest(run):
    segment = run.round("embed-syn", 0).segment()
    near = [set(row["nearest"]) for row in segment.table("neighbours").read().to_pylist()]
    groups = [set(row["parents"]) for row in segment.table("examples").read(["parents"]).to_pylist()]
    assert len(groups) == 12
    assert all(len(group) == 3 and any(group <= some for some in near) for group in groups)


def test_nobody_is_asked_for_the_missing_skills_of_students_that_look_for_what_is_alike(run):
    asked = read_json(run.status)["usage"]["teacher"]["by_round"]
    assert "stat-syn/round-001" in asked
    missing = run.round("stat-syn", 0).table("gaps")
    assert missing.complete() and not run.round("embed-syn", 0).table("gaps").complete()
