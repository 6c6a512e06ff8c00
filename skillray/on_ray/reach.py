"""New questions that are within a student's reach, on Ray: it answers each several times; see `loop.concepts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skillray.curriculum.base import Reach
from skillray.loop.concepts import Asked, Measured, WithinReach
from skillray.on_ray.answering import sampling
from skillray.on_ray.data import Job, Link
from skillray.store.layout import RoundFolder
from skillray.store.tables import PART_ROWS, Table
from skillray.types import seed_for

if TYPE_CHECKING:
    from skillray.on_ray.verbs import Runner


def within_reach(runner: Runner, reach: Reach, wave: RoundFolder) -> Table:
    """The drafts of a wave; what the round's first checkpoint gets right too often or too seldom is refused."""
    config, drafts, asked = runner.config, wave.table("drafts"), wave.table("asked")
    here = config.placement.grade
    runner.chain([Job(drafts, (asked,))], [Link(Asked(), here, here=True)], PART_ROWS)
    seed = seed_for(config.seed, "reach", runner.round)
    answered = sampling(runner, reach.samples, reach.temperature, seed)
    measured = Link(Measured(config.grading.answer_timeout_s), here)
    tables = (wave.table("rollouts"), wave.table("accuracies"))
    runner.chain([Job(asked, tables)], [answered, measured], config.rollout.batch_size)
    kept = wave.folder("reached").table("drafts")
    stage = WithinReach(tables[1].folder, reach.least, reach.most)
    runner.chain([Job(drafts, (kept,))], [Link(stage, here, here=True)], PART_ROWS)
    return kept
