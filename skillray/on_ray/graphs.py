"""The skill graph on Ray: a teacher takes a topic apart, and embeddings say which skills are alike."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import ray

from skillray.config import RunConfig, identity_hash
from skillray.loop.embed import Embed, Vectors, embedding_here
from skillray.loop.questions import as_table
from skillray.loop.skill_graph import make_graph
from skillray.on_ray.cluster import connected
from skillray.on_ray.data import Job, Link
from skillray.on_ray.neighbours import Chain
from skillray.on_ray.reply_logs import served_teacher, start_log
from skillray.on_ray.teacher import start_teacher, stop_teacher
from skillray.on_ray.train import device_of
from skillray.protocols import OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED, Fence
from skillray.store.layout import RunFolder
from skillray.types import content_id

UNIT_ROWS = 1024
"""Names that a worker embeds at once."""


def graph_of_run(
    run: RunFolder,
    config: RunConfig,
    known: Sequence[str],
    teacher: OpenTeacher,
    chain: Chain,
    fence: Fence,
    tell: Callable[[str], None],
) -> SkillGraph:
    """`make_graph` inside a run. Replies are in its log and embeddings in a table: a killed run goes on."""
    embed = None if config.embedding is None else partial(_embedded, run, config, chain, fence)
    graph, notes = make_graph(config, known, teacher, embed)
    for note in notes:
        tell(note)
    return graph


def _embedded(run: RunFolder, config: RunConfig, chain: Chain, fence: Fence, texts: Sequence[str]) -> Vectors:
    names, vectors = run.skills.table("names"), run.skills.folder("embedded").table("embeddings")
    if not names.complete():
        names.write(_as_questions(texts), fence=fence)
    assert config.embedding is not None, "the caller looked"
    place = config.placement.embed
    chain([Job(names, (vectors,))], [Link(Embed(config.embedding, device_of(place)), place)], UNIT_ROWS)
    found = {row["question_id"]: row["vector"] for row in vectors.read().to_pylist()}
    return np.array([found[content_id(text)] for text in texts], np.float32)


def _as_questions(texts: Sequence[str]) -> pa.Table:
    """What the embedding stage reads; ids by the text."""
    nothing = {"answer": "", "solution": "", "subject": "", "level": None, "source_id": None, "split": "names"}
    rows = [{"question_id": content_id(text), "question": text, "skills": []} for text in dict.fromkeys(texts)]
    return as_table([nothing | row for row in rows])


def build_on_ray(config: RunConfig, known: Sequence[str], replies: str) -> tuple[SkillGraph, list[str]]:
    """`make_graph` outside a run: a teacher of its own, which ends with it, and its replies in the folder `replies`.

    Skills are embedded in this process. `environment.prepare` must have run.
    """
    # Two builds of one name may share a cluster; `replies` is a folder of one of them.
    namespace = app = f"graph-{config.name}-{identity_hash(os.path.abspath(replies))}"
    with connected(config.cluster, namespace):
        return build_connected(config, known, replies, namespace, app)


def build_connected(
    config: RunConfig, known: Sequence[str], replies: str, namespace: str, app: str
) -> tuple[SkillGraph, list[str]]:
    """On the Ray that is connected. What is started here ends here."""
    logs = []
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # its news would stand between our lines
    try:
        start_teacher(app, config.teacher, config.placement.teacher, config.cluster.start_timeout_s, print)
        for shard in range(config.teacher.shards):
            folder = f"{replies}/{shard:03d}"
            logs.append(start_log(namespace, shard, folder, UNFENCED, app, config))
        return make_graph(
            config, known, served_teacher(namespace, config.teacher, "graph"), embedding_here(config.embedding)
        )
    finally:
        for log in logs:
            ray.kill(log)
        stop_teacher(app)
