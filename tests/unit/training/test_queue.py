"""The queue of a worker group: in order, each job once, and one that fails fails alone."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from skillray.errors import StageError
from skillray.store.fence import Fence
from skillray.training.queue import FOLLOWS_S, JobQueue, train_queue
from skillray.training.segments import Segment
from skillray.training.settings import Lora, TrainingSettings
from skillray.training.sft import TrainJob


def job(name: str) -> TrainJob:
    settings = TrainingSettings(lora=Lora(rank=4), betas=(0.8, 0.9), max_tokens=7)
    return TrainJob(
        model=name,
        settings=settings,
        examples="e",
        schedule="s",
        learning="l",
        output="o",
        seed=2**62,
        fence=Fence("run", 3),
        later=(Segment(examples="e1", schedule="s1", learning="l1"),),
    )


@pytest.fixture
def queue(tmp_path: Path) -> JobQueue:
    made = JobQueue(str(tmp_path / "queue"))
    for name in ("b-000", "a-000", "c-001"):
        made.add(name, job(name))
    return made


def test_a_job_travels_whole(queue: JobQueue) -> None:
    assert queue.job("a-000") == replace(job("a-000"), stop=str(Path(queue.folder) / "a-000.stop.json"))
    assert queue.waiting() == ["b-000", "a-000", "c-001"]
    assert queue.outcome("a-000") is None
    assert queue.outcome("not-yet-added-000") is None  # who waits for it may look before it is there


def test_jobs_are_trained_in_order_and_fail_alone(queue: JobQueue) -> None:
    trained: list[str] = []

    def train_one(given: TrainJob, note: object, alive: object) -> None:
        trained.append(given.model)
        if len(trained) == 1:
            queue.add("late-000", job("late-000"))  # joins while the group is at work
        if given.model == "a-000":
            raise StageError("the loss of step 3 is not finite")

    train_queue(queue, train_one)
    assert trained == ["b-000", "a-000", "c-001", "late-000"]
    assert queue.waiting() == []
    with pytest.raises(StageError, match="step 3 is not finite"):
        queue.outcome("a-000")
    assert queue.outcome("late-000") is not None


def test_what_nobody_waits_for_is_not_begun(queue: JobQueue) -> None:
    trained: list[str] = []
    queue.stop("a-000", "the student's run has ended")
    train_queue(queue, lambda given, note, alive: trained.append(given.model))
    assert trained == ["b-000", "c-001"]
    with pytest.raises(StageError, match="not begun: the student's run has ended"):
        queue.outcome("a-000")


def test_the_group_of_a_probe_waits_for_the_round_that_follows(tmp_path: Path) -> None:
    """And no other group does: half of that wait would be long for a queue that is empty."""
    queue, trained = JobQueue(str(tmp_path / "queue")), list[str]()
    queue.add("a-000-probe", replace(job("probe"), output=None))
    follows = threading.Timer(1.0, lambda: queue.add("a-000", job("round")))

    def train_one(given: TrainJob, note: object, alive: object) -> None:
        trained.append(given.model)
        if given.output is None:
            follows.start()

    train_queue(queue, train_one)
    assert trained == ["probe", "round"]
    queue.add("b-000", job("another"))
    start = time.monotonic()
    train_queue(queue, train_one)
    assert time.monotonic() - start < FOLLOWS_S / 2


def test_what_is_no_error_of_ours_ends_the_group_and_the_job_still_waits(queue: JobQueue) -> None:
    def train_one(given: TrainJob, note: object, alive: object) -> None:
        if given.model == "a-000":
            raise KeyError("bug")

    with pytest.raises(KeyError):
        train_queue(queue, train_one)
    assert queue.waiting() == ["a-000", "c-001"]


def test_how_far_it_is_only_goes_up(tmp_path: Path) -> None:
    """What a group that is ended again and again must do to be started again: end a job, or commit a later step."""
    queue, reached = JobQueue(str(tmp_path / "queue")), []
    for name in ("a-000", "b-000"):
        queue.add(name, replace(job(name), output=str(tmp_path / name / "checkpoint")))

    def commit_step(name: str, step: int) -> None:
        folder = tmp_path / name / "progress" / f"step_{step:08d}"
        folder.mkdir(parents=True)
        reached.append(queue.reached())  # not committed yet
        (folder / "manifest.json").write_text("{}")
        reached.append(queue.reached())

    commit_step("a-000", 9)
    commit_step("a-000", 10)
    queue.finish("a-000", None, 1.0)
    commit_step("b-000", 3)
    queue.finish("b-000", None, 1.0)
    assert [*reached, queue.reached()] == [(0, 0), (0, 9), (0, 9), (0, 10), (1, 0), (1, 3), (2, 0)]


def test_progress_is_of_the_job_under_way(queue: JobQueue) -> None:
    assert queue.progress() is None

    def train_one(given: TrainJob, note: object, alive: object) -> None:
        note(1, 9, 2.5, 100.0)  # type: ignore[operator]
        note(2, 9, 2.0, 100.0)  # type: ignore[operator]  # within the second: not written
        found = queue.progress()
        assert found is not None and (found.key, found.done, found.total) == (given.model, 1, 9)

    train_queue(queue, train_one)
