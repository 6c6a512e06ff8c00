"""Answers and tokens as they are written, from whoever writes them to the runner whose progress a user sees.

engine or worker ── once a second ──> StageRunner.count ──> progress: 212/2880 answers, 236 tokens/s
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import ray

from skillray.loop.roll_out import RollOut, Told, ignore

EVERY_S = 1.0


@dataclass(frozen=True)
class Runner:
    """The name of the runner's actor; travels to workers."""

    namespace: str
    name: str

    def listen(self) -> Told:
        """What calls of the function tell goes to the runner, a second's worth at a time."""
        return _Batched(self).add


@dataclass(frozen=True)
class RollOutHere:
    """Stage: what `roll_out` says, in the worker, and counted."""

    roll_out: RollOut
    told: Runner | None

    def open(self) -> Callable[[pa.Table], pa.Table]:
        return self.roll_out.open(self.told.listen() if self.told else ignore)


@dataclass
class _Batched:
    runner: Runner
    _answers: int = 0
    _tokens: int = 0
    _sent: float = float("-inf")
    """Of the last message; the first one goes at once, so that a user sees the first answer."""
    _alone: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answers: int, tokens: int) -> None:
        with self._alone:
            self._answers, self._tokens = self._answers + answers, self._tokens + tokens
            if time.monotonic() - self._sent < EVERY_S:
                return
            counts = (self._answers, self._tokens)
            self._answers, self._tokens, self._sent = 0, 0, time.monotonic()
        with contextlib.suppress(ValueError, ray.exceptions.RayError):  # the runner has ended: nobody looks
            ray.get_actor(self.runner.name, namespace=self.runner.namespace).count.remote(*counts)


@dataclass
class Written:
    """What a runner was told so far."""

    answers: int = 0
    tokens: int = 0
    since: float = 0.0

    def add(self, answers: int, tokens: int, now: float) -> None:
        if not self.tokens:
            self.since = now - EVERY_S  # the first message is of the second before it
        self.answers, self.tokens = self.answers + answers, self.tokens + tokens

    def shown(self, progress: tuple[int, int, str], now: float) -> tuple[int, int, str]:
        """`progress`, which counts whole batches, with the answers of those that are under way, and their speed."""
        done, total, unit = progress
        if unit != ANSWERS or not (self.tokens or done):
            return (0, 0, "") if unit == ANSWERS else progress
        done = min(total, max(done, self.answers))
        speed = f", {self.tokens / (now - self.since):.0f} tokens/s" if self.tokens else ""
        return done, total, f"{unit}{speed}"


ANSWERS = "answers"
"""The unit of counting."""
