"""A recipe with the paper's settings from end to end: tiny models and tables in place of the large ones, no GPU."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from skillray.config import dump_config, load_config
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from tests.llm_server import Answer, llm_server, prompt_of
from tests.tiny import save_tiny_bert, save_tiny_student
from tests.unit.bad_input.kinds import POOL, PROBE, write_rows

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
ARMS: dict[str, set[str]] = {
    **{arm: {"select"} for arm in ("math-train", "math-hard", "embed-sel", "stat-sel")},
    **{"math-augment": {"augment"}, "embed-syn": {"synthesize"}, "stat-syn": {"synthesize"}},
}
"""And where their examples come from, at the least."""
RECIPE = Path(__file__).parents[2] / "jobs" / "recipes" / "stat_math_llama1b.yaml"


@pytest.fixture(scope="module")
def run(local_ray, tmp_path_factory) -> Iterator[RunFolder]:
    from skillray.on_ray.launch import supervise

    inputs, folder = tmp_path_factory.mktemp("inputs"), RunFolder(str(tmp_path_factory.mktemp("recipe")))
    write_rows(inputs / "pool.jsonl", [row | {"level": 5} for row in POOL])
    write_rows(inputs / "probe.jsonl", PROBE)
    student, scorer = save_tiny_student(inputs / "student"), save_tiny_student(inputs / "prm", seed=1)
    students = range(len(load_config(str(RECIPE)).students))
    sets = [f"students.{n}.model={student}" for n in students]
    sets += [f"students.{n}.curriculum.num_examples=12" for n in students]
    sets += [f"data.{name}={{path: {inputs / name}.jsonl}}" for name in ("pool", "probe")]
    sets += [f"grading.scorer.model={scorer}", f"embedding.model={save_tiny_bert(inputs / 'bert')}"]
    sets += [f"placement.{role}.num_gpus=0" for role in ("rollout", "prm", "embed", "train", "teacher")]
    sets += ["placement.grade.num_cpus=0.1", "rollout.max_new_tokens=16", "data.profile_share=0.5"]
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
    if prompt.startswith("Write the solution"):
        return Answer(text=f"So it is \\boxed{{{prompt.split('Final answer: ')[1].strip()}}}")
    if prompt.startswith("Write"):
        return Answer(text=json.dumps({"reason": "", "draft": "", "questions": [f"{rng.randrange(10**6)} + 1?"]}))
    if prompt.startswith("Solve"):
        first = prompt.split("Question:\n")[1].split()[0]
        return Answer(text=f"{first} + 1 = \\boxed{{{int(first) + 1}}}")
    return Answer(text=json.dumps({"judge": "incorrect", "reason": "", "skills": ["sum"]}))


def test_every_arm_was_graded_step_by_step_trained_and_scored(run):
    students = read_json(run.summary)["students"]
    assert set(students) == set(ARMS)
    for name, student in students.items():
        origins = run.round(name, 0).segment().table("examples").read(["origin"])["origin"].to_pylist()
        assert ARMS[name] <= set(origins), name
        assert len(student["rounds"]) == 2, name
        assert run.round(name, 0).segment().table("learning").num_rows() > 0
        assert (Path(run.round(name, 0).checkpoint) / "adapter_model.safetensors").exists()
    graded = run.round("stat-sel", 0).table("graded").read().to_pylist()
    scores = [score for row in graded for score in row["step_scores"]]
    assert scores and all(0 < score < 1 for score in scores)  # a random reward model is sure of nothing
