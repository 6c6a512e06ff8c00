"""Segments of a round: what is trained on is decided while the student learns, how long it trains is not.

segment 0 ── steps 0 to n-1 ──> learning, checkpoint ──> who decides about segment 1 reads them, and writes its schedule
segment 1 ── steps n to 2n-1 ──> ...                     (optimizer, learning rate, generators and steps go on)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skillray.errors import DeadlineError, StageError
from skillray.store.files import exists, read_json
from skillray.store.tables import Table
from skillray.training.batches import Feed

if TYPE_CHECKING:
    from skillray.training.sft import TrainJob

LOOK_S = 0.5
"""Seconds between two looks for a schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Folders of the tables of one segment."""

    examples: str
    schedule: str
    learning: str


def wait_for_segment(job: TrainJob, index: int, alive: Callable[[], None]) -> None:
    """Wait until the segment's schedule is there; `alive` is called all the while.

    Raises:
        StageError: it will not come, and why.
        DeadlineError: it did not come within `job.wait_s`.
    """
    schedule, deadline = Table(job.segments[index].schedule), time.monotonic() + job.wait_s
    while not schedule.complete():
        alive()
        if job.stop and exists(job.stop):
            raise StageError(f"fine_tune: segment {index} will not come: {read_json(job.stop)['reason']}")
        if time.monotonic() > deadline:
            raise DeadlineError(f"fine_tune: the schedule of segment {index} did not come in {job.wait_s:.0f} s")
        time.sleep(LOOK_S)


def open_segment(job: TrainJob, index: int, world_size: int, num_steps: int | None = None) -> Feed:
    """Read the schedule and the examples of segment `index`.

    Raises:
        TableError, DataError: a table cannot be read.
        StageError: the segment does not have `num_steps` steps, as all segments do; None for the first.
    """
    segment = job.segments[index]
    feed = Feed.open(segment.schedule, segment.examples, job.settings, world_size)
    expected = num_steps or feed.num_steps
    if (feed.first_step, feed.num_steps) != (index * expected, expected):
        raise StageError(
            f"fine_tune: {segment.schedule} has {feed.num_steps} steps from step {feed.first_step}; report this "
            f"(segment {index} has {expected} from step {index * expected})"
        )
    return feed
