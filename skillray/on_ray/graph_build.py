"""A skill graph outside a run: Ray and a teacher for as long as it takes."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import ray

from skillray.config import RunConfig, identity_hash
from skillray.loop.embed import embedding_here
from skillray.loop.skill_graph import make_graph
from skillray.on_ray.cluster import connected
from skillray.on_ray.reply_logs import served_teacher, start_log
from skillray.on_ray.teacher import start_teacher, stop_teacher
from skillray.skills.graph import SkillGraph
from skillray.store.fence import UNFENCED
from skillray.teacher.tasks import Task


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
        by = next((other for other in config.teacher_by_task if Task.DECOMPOSE in other.tasks), None)
        teacher, name = (config.teacher, "") if by is None else (by.teacher, by.name)
        start_teacher(app, teacher, config.placement.teacher, config.cluster.start_timeout_s, print)
        for shard in range(teacher.shards):
            folder = f"{replies}/{shard:03d}"
            logs.append(start_log(namespace, shard, folder, UNFENCED, app, config, by))
        opened = served_teacher(namespace, teacher, "graph", name)
        return make_graph(config, known, opened, embedding_here(config.embedding))
    finally:
        for log in logs:
            ray.kill(log)
        stop_teacher(app)
