"""A graph by the real teacher of a run: arithmetic taken apart through Serve and the log, and its skills compared by
embeddings on Ray Data."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from skillray.config import RunConfig, parse
from skillray.config.model import Placement
from skillray.domains import DOMAINS
from skillray.loop.questions import SPLITS
from skillray.skills.graph_json import graph_from_json
from skillray.store.fence import Fence
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.teacher.reply_log import ReplyLog
from tests.llm_server import Answer, llm_server, prompt_of

pytestmark = pytest.mark.ray
CONFIG = parse(
    {
        "name": "graph-tests",
        "data": {"type": "domain", "pool_per_skill": 2, "profile_per_skill": 1, "held_out_per_skill": 1},
        "students": [{"name": "a", "curriculum": {"type": "uniform"}}],
        "graph": {"type": "decompose", "topic": "Arithmetic", "depth": 6, "min_cosine": 0.1},
        "embedding": {"model": "embedded"},
        "placement": {"embed": {"max_workers": 1, "num_cpus": 0.5}},
    },
    "test",
)


def prepare(run: RunFolder, fence: Fence, config: RunConfig = CONFIG) -> dict[str, float]:
    """As a run's coordinator and its runner do it."""
    import ray

    from skillray.on_ray.reply_logs import start_log
    from skillray.on_ray.runner import namespace_of
    from skillray.on_ray.verbs import Runner

    log = start_log(namespace_of(config.name, fence), 0, run.replies(0), fence, f"teacher-{config.name}", config)
    try:
        return Runner(run, config, config.students, 0, fence).do("prepare")
    finally:
        ray.kill(log)


def test_arithmetic_is_taken_apart_once(local_ray: Path, tmp_path: Path) -> None:
    from skillray.on_ray.graph_build import build_connected
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    run, domain = RunFolder(str(tmp_path / "run")), DOMAINS["arithmetic"]
    start_teacher("teacher-graph-tests", CONFIG.teacher, Placement(num_cpus=0.1), 120.0, print)
    try:
        with writing(run.path) as fence:
            prepare(run, fence)
            graph = graph_from_json(read_json(run.graph))
            assert dict(graph.prerequisites) == dict(domain.graph.prerequisites)
            assert read_json(run.data_notes)[0] == (
                "graph: the teacher was asked about 19 skills (2 empty, 17 ok) and named 19"
            )
            vectors = run.skills.folder("embedded").table("embeddings")
            assert vectors.num_rows() == 19  # all are compared, and what the domain tells apart stays apart
            tables = {split: run.questions(split).fingerprint() for split in SPLITS}
        asked = ReplyLog(run.replies(0), fence).index.keys()
        # As if killed before the graph was written: nothing is asked again, and all is as it was.
        Path(run.graph).unlink()
        with writing(run.path) as fence:
            prepare(run, fence)
        assert graph_from_json(read_json(run.graph)) == graph and len(asked) == 19
        assert ReplyLog(run.replies(0), fence).index.keys() == asked
        assert {split: run.questions(split).fingerprint() for split in SPLITS} == tables
        # `skillray graph build` with this app and these replies: the same graph.
        known = domain.skills_of()
        alone = CONFIG.model_copy(update={"embedding": None})
        replies = str(tmp_path / "run" / "teacher" / "replies")
        built, _ = build_connected(alone, known, replies, "graph-tests", "teacher-graph-tests")
        assert dict(built.prerequisites) == dict(domain.graph.prerequisites)
        assert ReplyLog(run.replies(0), fence).index.keys() == asked
    finally:
        stop_teacher("teacher-graph-tests")


PARTS = {"sum": ["Adding", "carry"], "adding": ["digits"], "carry": ["digits", "adding"], "digits": []}


def script(body: dict[str, Any], before: int) -> Answer:
    prompt = prompt_of(body)
    if found := re.search(r'Take the skill "(\w+)" apart', prompt):
        parts = [{"name": name, "description": f"About {name}."} for name in PARTS[found[1]]]
        return Answer(text=json.dumps({"sub_skills": parts}))
    return Answer(text=json.dumps({"skills": ["Carry"] if "9 + 9" in prompt else ["adding"]}))


def test_a_language_model_takes_a_topic_apart_and_labels_questions_with_its_skills(
    local_ray: Path, tmp_path: Path
) -> None:
    from skillray.on_ray.teacher import start_teacher, stop_teacher

    for name, questions in {"pool": ["1 + 1", "9 + 9"], "probe": ["2 + 2", "3 + 3", "9 + 9 + 9", "4 + 4"]}.items():
        rows = [json.dumps({"question": f"What is {one}?", "answer": "5"}) + "\n" for one in questions]
        (tmp_path / f"{name}.jsonl").write_text("".join(rows))
    (tmp_path / "key").write_text("secret")
    (tmp_path / "s.md").write_text("- digits\n- Sum (requires: writing)\n- writing\n")
    with llm_server(script) as server:
        config = parse(
            {
                "name": "graph-llm",
                "data": {"type": "tables", "labelling": {}}
                | {name: {"path": str(tmp_path / f"{name}.jsonl")} for name in ("pool", "probe")},
                "students": [{"name": "a", "curriculum": {"type": "uniform"}}],
                "graph": {"type": "decompose", "topic": "Sums", "syllabus": str(tmp_path / "s.md")},
                "teacher": {"type": "openai", "model": "m", "url": server.url, "api_key_file": str(tmp_path / "key")},
                "grading": {"scorer": {"type": "outcome"}},
                "diagnosis": {"source": "labels"},
                "placement": {"grade": {"max_workers": 1, "num_cpus": 0.1}},
            },
            "test",
        )
        run = RunFolder(str(tmp_path / "run"))
        start_teacher("teacher-graph-llm", config.teacher, Placement(num_cpus=0.1), 120.0, print)
        try:
            with writing(run.path) as fence:
                prepare(run, fence, config)
        finally:
            stop_teacher("teacher-graph-llm")
        assert len(server.calls) == 4 + 6  # skills taken apart, questions labelled: no name is asked for
    graph = graph_from_json(read_json(run.graph))
    assert dict(graph.prerequisites) == {
        "digits": (), "sum": ("writing", "adding", "carry"), "writing": (), "adding": ("digits",),
        "carry": ("digits", "adding"),
    }  # fmt: skip
    assert graph.descriptions["carry"] == "About carry."
    labels = {row["question"]: row["skills"] for row in run.questions("pool").read().to_pylist()}
    assert labels == {"What is 1 + 1?": ["adding"], "What is 9 + 9?": ["carry"]}
    graph_note, decontamination = read_json(run.data_notes)
    assert graph_note == "graph: the teacher was asked about 4 skills (1 empty, 3 ok) and named 4"
    assert decontamination.startswith("decontamination against 1 evaluation questions: of 2 pool questions 0 share")
