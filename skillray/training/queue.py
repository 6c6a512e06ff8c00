"""Jobs that wait for a worker group, on storage: one group trains them in turn, and pays for its start-up once.

QUEUE/000000-KEY.job.json     what to train
QUEUE/000000-KEY.done.json    how it ended; a job without it is waiting, or under way
QUEUE/progress.json           how far the job under way is
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from functools import partial

from skillray import errors
from skillray.errors import SkillrayError, StageError
from skillray.store.fence import Fence
from skillray.store.files import commit_json, exists, names_in, read_json
from skillray.training.group import from_rank_0
from skillray.training.progress import newest_step
from skillray.training.segments import Segment
from skillray.training.settings import TrainingSettings
from skillray.training.sft import Alive, TrainJob, train

NOTE_S = 1.0
"""Seconds between two notes of progress."""
FOLLOWS_S = 10.0
"""Seconds that a worker group waits for a round after its probe: starting a new group would take longer."""
LOOK_S = 0.2
"""Seconds between two looks for the next job."""
_JOB, _DONE = ".job.json", ".done.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of the job that is being trained."""

    key: str
    done: int
    """Optimizer steps done."""
    total: int
    """Optimizer steps of the whole job."""
    loss: float
    """Loss of the last step, in nats a token."""
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class JobQueue:
    """The queue in `folder`. One process adds, rank 0 of one worker group finishes."""

    folder: str

    def add(self, key: str, job: TrainJob) -> None:
        """Add a job under a new key, by which `waiting`, `outcome` and `progress` name it."""
        number = len(self._names(_JOB))
        settings = job.settings.model_dump(mode="json")
        values = {field.name: getattr(job, field.name) for field in fields(job)} | {
            "settings": settings,
            "fence": asdict(job.fence),
            "later": [asdict(segment) for segment in job.later],
            "stop": self._path(f"{key}.stop.json"),
        }
        commit_json(self._path(f"{number:06d}-{key}{_JOB}"), values)

    def waiting(self) -> list[str]:
        """Keys of the jobs without outcome, in their order."""
        done = {name.removesuffix(_DONE) for name in self._names(_DONE)}
        names = [name.removesuffix(_JOB) for name in self._names(_JOB)]
        return [name.partition("-")[2] for name in names if name not in done]

    def next_ones(self, patience: float) -> list[str]:
        """The keys that wait; where there are none, those that come within `patience` seconds."""
        deadline = time.monotonic() + patience
        while not (waiting := self.waiting()) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        return waiting

    def reached(self) -> tuple[int, int]:
        """(jobs that have ended, step of the newest mid-round checkpoint of the first job that waits)."""
        waiting = self.waiting()
        step = newest_step(self.job(waiting[0]).progress) if waiting else 0
        return len(self._names(_DONE)), step

    def job(self, key: str) -> TrainJob:
        values = read_json(self._path(self._name(key) + _JOB))
        settings, fence = TrainingSettings.model_validate(values["settings"]), Fence(**values["fence"])
        later = tuple(Segment(**segment) for segment in values["later"])
        return TrainJob(**values | {"settings": settings, "fence": fence, "later": later})

    def stop(self, key: str, reason: str) -> None:
        """Tell the job that no later segment will come: it ends where it waits for one."""
        commit_json(self._path(f"{key}.stop.json"), {"reason": reason})

    def finish(self, key: str, error: SkillrayError | None, seconds: float) -> None:
        """Write the outcome of a job: the error that it ended with, or None, and the seconds that it took."""
        failure = None if error is None else {"type": type(error).__name__, "message": str(error)}
        commit_json(self._path(self._name(key) + _DONE), {"error": failure, "seconds": seconds})

    def outcome(self, key: str) -> float | None:
        """Seconds of training; None while it waits, or is only about to be added. Raises what the job ended with."""
        done = next((name for name in self._names(_DONE) if name.partition("-")[2] == key + _DONE), None)
        if done is None:
            return None
        outcome = read_json(self._path(done))
        if outcome["error"]:
            raise getattr(errors, outcome["error"]["type"], SkillrayError)(outcome["error"]["message"])
        return float(outcome["seconds"])

    def note(self, progress: Progress) -> None:
        commit_json(self._path("progress.json"), asdict(progress))

    def progress(self) -> Progress | None:
        path = self._path("progress.json")
        return Progress(**read_json(path)) if exists(path) else None

    def _name(self, key: str) -> str:
        return next(name for name in self._names(_JOB) if name.partition("-")[2] == key + _JOB).removesuffix(_JOB)

    def _names(self, suffix: str) -> list[str]:
        return [name for name in names_in(self.folder) if name.endswith(suffix)]

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)


def train_queue(queue: JobQueue, train_one: Callable[..., None] = train, alive: Alive = lambda: None) -> None:
    """Train the jobs that wait, in order, until none is left. Every worker of a group calls it.

    A job that ends with a `SkillrayError` ends alone. Anything else (a dead worker, a bug) ends the group, and the job
    under way stays the first that waits.
    """
    patience = 0.0
    while waiting := from_rank_0(partial(queue.next_ones, patience)):
        alive()
        start, failure = time.monotonic(), None
        key: str = waiting[0]
        patience = 0.0
        try:
            job: TrainJob = from_rank_0(partial(queue.job, key))
            if job.stop and from_rank_0(partial(exists, job.stop)):
                raise StageError(f"fine_tune: not begun: {from_rank_0(partial(read_json, job.stop))['reason']}")
            train_one(job, _Notes(queue, key), alive)
            if job.output is None:
                # A job without output is a probe: the round that needs its losses comes soon after it.
                patience = min(FOLLOWS_S, job.settings.step_timeout_s / 2)
        except SkillrayError as error:  # all workers raise it together
            failure = error
        seconds = round(time.monotonic() - start, 3)
        from_rank_0(partial(queue.finish, key, failure, seconds))


@dataclass(slots=True)
class _Notes:
    """Writes rank 0's progress to a file, which needs no further process and survives a restart."""

    queue: JobQueue
    key: str
    written: float = field(default=float("-inf"))

    def __call__(self, done: int, total: int, loss: float, tokens_per_s: float) -> None:
        if done == total or time.monotonic() - self.written >= NOTE_S:
            self.queue.note(Progress(key=self.key, done=done, total=total, loss=loss, tokens_per_s=tokens_per_s))
            self.written = time.monotonic()
