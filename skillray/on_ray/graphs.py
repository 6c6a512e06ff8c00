"""The skill graph of a run: a teacher takes a topic apart, and embeddings say which skills are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from skillray.config import RunConfig
from skillray.loop.embed import Embed, Vectors
from skillray.loop.questions import as_table
from skillray.loop.skill_graph import make_graph
from skillray.on_ray.data import Job, Link
from skillray.on_ray.neighbours import Chain
from skillray.on_ray.train import device_of
from skillray.protocols import OpenTeacher
from skillray.skills.graph import SkillGraph
from skillray.store.fence import Fence
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
