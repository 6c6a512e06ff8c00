"""A round of several segments: one fit, whose data is decided on the way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skillray.errors import DeadlineError, StageError
from skillray.store.fence import UNFENCED
from skillray.store.tables import Table
from skillray.training.checkpoint import weights_hash
from skillray.training.examples import as_segment
from skillray.training.progress import settled
from skillray.training.segments import Segment, open_segment, wait_for_segment
from skillray.training.sft import TrainJob, train
from tests.unit.training.test_resume import Stopped, make, stop_after

SEGMENTS, STEPS = 3, 3
"""Nine examples in steps of at most four: three steps of three a segment."""


def segmented(inputs: Path, place: Path, weight: Callable[[int], float] = lambda index: 1.0) -> TrainJob:
    """Nothing but the first segment's schedule is there."""
    job = make(inputs, place)
    segments = [_segment(place, index) for index in range(SEGMENTS)]
    first = replace(job, schedule=segments[0].schedule, learning=segments[0].learning, wait_s=60.0)
    made = replace(first, later=tuple(segments[1:]))
    publish(made, 0)
    return made


def _segment(place: Path, index: int) -> Segment:
    names = {name: str(place / f"segment-{index:03d}" / name) for name in ("schedule", "learning")}
    return Segment(examples=str(place.parent / "inputs" / "examples"), **names)


@pytest.fixture
def inputs(folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "inputs").symlink_to(folder)
    return folder


def publish(job: TrainJob, index: int) -> None:
    """As an update would; what it is made of depends on the segment alone."""
    first = Table(job.schedule).read() if index else None
    rows = as_segment(Table(job.examples), job.settings, 0, index, first)
    Table(job.segments[index].schedule).write(rows, fence=UNFENCED)


def follow(job: TrainJob) -> threading.Thread:
    """Writes each segment's schedule once the one before it is learnt."""

    def work() -> None:
        for index in range(1, SEGMENTS):
            while not Table(job.segments[index - 1].learning).complete():
                time.sleep(0.02)
            publish(job, index)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def result(job: TrainJob) -> tuple[str, ...]:
    assert job.output is not None
    return weights_hash(job.output), *(Table(segment.learning).fingerprint() for segment in job.segments)


def test_each_segment_is_trained_when_it_comes_and_steps_go_on(inputs: Path, tmp_path: Path) -> None:
    job, steps = segmented(inputs, tmp_path / "whole"), list[int]()
    follow(job)
    train(job, lambda step, total, loss, rate: steps.append((step, total)))  # type: ignore[arg-type]
    assert steps == [(step, SEGMENTS * STEPS) for step in range(1, SEGMENTS * STEPS + 1)]
    for index, segment in enumerate(job.segments):
        learning = Table(segment.learning).read(["epoch", "step"])
        assert set(learning["epoch"].to_pylist()) == {index}
        assert np.array_equal(learning["step"], np.repeat(np.arange(STEPS * index, STEPS * (index + 1)), 3))
    assert job.output is not None and settled(job.output) and job.done()


def test_segments_train_as_one_schedule_of_the_same_rows_does(inputs: Path, tmp_path: Path) -> None:
    """Optimizer, learning rate, generators and steps go on: not a bit of the weights tells the difference."""
    job = segmented(inputs, tmp_path / "segments")
    for index in range(1, SEGMENTS):
        publish(job, index)
    once = replace(job, later=(), schedule=str(tmp_path / "once" / "schedule"), output=str(tmp_path / "once" / "out"))
    once = replace(once, learning=str(tmp_path / "once" / "learning"))
    rows = pa.concat_tables([Table(segment.schedule).read() for segment in job.segments])
    Table(once.schedule).write(rows, fence=UNFENCED)
    train(job)
    train(once)
    assert result(job)[0] == result(once)[0]
    learnt = pa.concat_tables([Table(segment.learning).read() for segment in job.segments])
    assert Table(once.learning).read() == learnt


@pytest.mark.parametrize("steps", [(1, 1), (3, 1), (3, 3), (4, 2), (5, 2)])
def test_stopped_anywhere_it_ends_with_the_same_bits(inputs: Path, tmp_path: Path, steps: tuple[int, int]) -> None:
    """In mid-segment, and between two: the third call of `alive` after a segment's last step comes while it waits."""
    whole = segmented(inputs, tmp_path / "whole")
    job = segmented(inputs, tmp_path / "pieces")
    for each in (whole, job):
        for index in range(1, SEGMENTS):
            publish(each, index)
    train(whole)
    for taken in steps:
        with pytest.raises(Stopped):
            train(job, alive=stop_after(taken))
    train(job)
    assert result(job) == result(whole)


def test_killed_while_it_waits_it_waits_again(inputs: Path, tmp_path: Path) -> None:
    job, seen = segmented(inputs, tmp_path / "job"), list[int]()
    with pytest.raises(Stopped):
        train(job, alive=stop_after(STEPS + 2))  # the segment's steps, and two looks for the next
    assert Table(job.learning).complete()
    follow(job)
    train(job, lambda step, total, loss, rate: seen.append(step))
    assert seen == list(range(STEPS + 1, SEGMENTS * STEPS + 1))


def test_a_segment_that_will_not_come_ends_the_job(inputs: Path, tmp_path: Path) -> None:
    job = replace(segmented(inputs, tmp_path / "job"), stop=str(tmp_path / "stop.json"))
    Path(job.stop).write_text(json.dumps({"reason": "the teacher is gone"}))
    with pytest.raises(StageError, match=r"^fine_tune: segment 1 will not come: the teacher is gone$"):
        wait_for_segment(job, 1, lambda: None)
    calls: list[None] = []
    with pytest.raises(DeadlineError, match=r"^fine_tune: the schedule of segment 1 did not come in 0 s$"):
        wait_for_segment(replace(job, stop="", wait_s=0.0), 1, lambda: calls.append(None))
    assert calls


def test_a_segment_of_another_length_is_refused(inputs: Path, tmp_path: Path) -> None:
    job = segmented(inputs, tmp_path / "job")
    first = pa.table({"step": range(STEPS + 1), "num_tokens": [1_000] * (STEPS + 1)})
    rows = as_segment(Table(job.examples), job.settings, 0, 1, first)
    Table(job.segments[1].schedule).write(rows, fence=UNFENCED)
    with pytest.raises(StageError, match=r"has 4 steps from step 4; report this \(segment 1 has 3 from step 3\)$"):
        open_segment(job, 1, 1, STEPS)


def test_a_probe_leaves_its_losses_and_no_weights(inputs: Path, tmp_path: Path) -> None:
    job = replace(make(inputs, tmp_path / "probe"), output=None)
    train(job)
    assert job.done()
    assert sorted(path.name for path in Path(job.learning).parent.iterdir()) == ["learning", "schedule"]
