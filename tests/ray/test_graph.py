"""A graph by the real teacher of a run: arithmetic taken apart through Serve and the log, and its skills compared by
embeddings on Ray Data."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillray.config import parse
from skillray.config.model import Placement
from skillray.domains import DOMAINS
from skillray.loop.questions import SPLITS
from skillray.skills.graph_json import graph_from_json
from skillray.store.fence import Fence
from skillray.store.files import read_json
from skillray.store.layout import RunFolder
from skillray.store.lock import writing
from skillray.teacher.reply_log import ReplyLog

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


def prepare(run: RunFolder, fence: Fence) -> dict[str, float]:
    """As a run's coordinator and its runner do it."""
    import ray

    from skillray.on_ray.reply_logs import start_log
    from skillray.on_ray.runner import namespace_of
    from skillray.on_ray.verbs import Runner

    log = start_log(namespace_of(CONFIG.name, fence), 0, run.replies(0), fence, "teacher-graph-tests", CONFIG)
    try:
        return Runner(run, CONFIG, CONFIG.students, 0, fence).do("prepare")
    finally:
        ray.kill(log)


def test_arithmetic_is_taken_apart_once(local_ray: Path, tmp_path: Path) -> None:
    from skillray.on_ray.graphs import build_connected
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
