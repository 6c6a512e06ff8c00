"""Embeddings and neighbours on Ray Data: a million pool questions are embedded once, and looked through in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skillray.config import RunConfig
from skillray.config.model import Placement
from skillray.loop.embed import Embed
from skillray.loop.neighbours import Nearest, nearest_of
from skillray.loop.questions import splits_of
from skillray.on_ray.data import Job, Link
from skillray.on_ray.train import device_of
from skillray.store.fence import Fence
from skillray.store.layout import RoundFolder, RunFolder
from skillray.types import Id

UNIT_ROWS = 4096
"""Questions that a worker embeds, or looks through, at once: 60 MB of vectors of 3,584 numbers."""
Chain = Callable[[Sequence[Job], Sequence[Link], int], None]
"""`run_chain` with a runner's fence and progress."""


def embed_questions(run: RunFolder, config: RunConfig, chain: Chain) -> None:
    """The pool and all profile questions; tables that are complete stay."""
    assert config.embedding is not None, "the config was checked"
    placement = config.placement.embed
    jobs = [
        Job(run.questions(split), (run.embeddings(split),)) for split in splits_of(config.data) if split != "held_out"
    ]
    chain(jobs, [Link(Embed(config.embedding, device_of(placement)), placement)], UNIT_ROWS)


def find_neighbours(
    run: RunFolder,
    chosen: frozenset[Id],
    split: str,
    count: int,
    segment: RoundFolder,
    placement: Placement,
    chain: Chain,
    fence: Fence,
) -> None:
    """The segment's neighbours table: of each question in `chosen`, the `count` most similar pool questions.

    `chosen` are questions of `split`.
    """
    candidates, neighbours = segment.folder("nearest").table("candidates"), segment.table("neighbours")
    stage = Nearest(run.embeddings(split).folder, chosen, count)
    chain([Job(run.embeddings("pool"), (candidates,))], [Link(stage, placement)], UNIT_ROWS)
    if not neighbours.complete():
        neighbours.write(nearest_of(candidates, count), fence=fence)
