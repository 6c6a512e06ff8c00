"""What a worker group is given to train of one round, from its config and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from skillray.on_ray.train import device_of
from skillray.store.layout import RoundFolder
from skillray.training.segments import Segment
from skillray.training.sft import TrainJob
from skillray.types import seed_for

if TYPE_CHECKING:
    from skillray.on_ray.verbs import Runner

TrainPart = Literal["fine_tune", "probe"]
"""The student's round; before it the short fit whose losses on spoilt examples are the error baseline."""


def train_job(runner: Runner, part: TrainPart) -> TrainJob:
    """A probe has one segment, and its weights are nobody's."""
    folder = runner.folder()
    probing = part == "probe"
    folders = [folder.shared_probe] if probing else [folder.segment(index) for index in range(runner.num_segments)]
    first, *later = [_paths(each) for each in folders]
    return TrainJob(
        model=runner.checkpoint(runner.round),
        settings=runner.training,
        examples=first.examples,
        schedule=first.schedule,
        learning=first.learning,
        output=None if probing else folder.checkpoint,
        seed=seed_for(runner.config.seed, "train", runner.round),
        fence=runner.fence,
        device=device_of(runner.config.placement.train),
        later=tuple(later),
        wait_s=runner.config.cluster.stage_timeout_s,
    )


def _paths(folder: RoundFolder) -> Segment:
    return Segment(**{name: folder.table(name).folder for name in ("examples", "schedule", "learning")})
