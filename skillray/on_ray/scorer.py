"""The process reward model of a run: warm actors that hold it (`warm.WarmActor`), and how a stage's workers ask them.

    grade worker ──┐                       ┌── pending: all calls so far, cut into batches of like length
    grade worker ──┼── score(responses) ──>│   one forward pass after another
    grade worker ──┘    prm-0, prm-1, …    └── calls that came meanwhile are the next pending ones

It is loaded once for all students and rounds, and needs no GPU of the workers. With what a response comes together is a
matter of time, so its scores may differ in rounding when a unit is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from skillray.config.model import RunConfig
from skillray.coordinator.fleet import one_line
from skillray.errors import SkillrayError, StageError
from skillray.grading.prm_model import Item, PrmModel, Score, Scored
from skillray.loop.prm import NEURAL, open_prm
from skillray.on_ray.data import worker_resources
from skillray.on_ray.runner import namespace_of
from skillray.on_ray.train import device_of
from skillray.on_ray.warm import Load, Warm, WarmActor
from skillray.store.fence import Fence

CALLS = 4
"""Units that one grade worker has under way: while some are scored, the answers of others are checked."""
ENOUGH = 2 * CALLS
"""Calls of one worker at one scorer before it asks the next one, which may have to be loaded first."""


class Scorer(WarmActor):
    """One copy of the model."""

    def __init__(self, fence: Fence, namespace: str, name: str) -> None:
        super().__init__(fence, namespace, name)
        self._model: PrmModel | None = None
        self._pending: list[tuple[Sequence[Item], asyncio.Future[list[Scored]]]] = []
        self._working: asyncio.Task[None] | None = None

    async def score(self, items: Sequence[Item]) -> list[Scored] | None:
        """For each item, its scores or why there are none; None when this actor is ending.

        Raises:
            SkillrayError: the model cannot be loaded, or broke.
        """
        with self.busy():
            if self.ending:
                return None
            future: asyncio.Future[list[Scored]] = asyncio.get_running_loop().create_future()
            self._pending.append((items, future))
            if self._working is None or self._working.done():
                self._working = asyncio.create_task(self._work())
            return await future

    async def _work(self) -> None:
        while self._pending:
            calls, self._pending = self._pending, []
            try:
                scores = iter(await asyncio.to_thread(self._score, [item for items, _ in calls for item in items]))
            except SkillrayError as error:
                for _, future in calls:
                    future.set_exception(error)
                continue
            for items, future in calls:
                future.set_result([next(scores) for _ in items])

    def _score(self, items: list[Item]) -> list[Scored]:
        settings = self.config.grading.scorer
        assert isinstance(settings, NEURAL), "only a neural scorer has an actor"
        try:
            if self._model is None:
                self._model = open_prm(settings, device_of(self.config.placement.prm))
            return self._model.score(items)
        except SkillrayError:
            raise
        except Exception as error:  # of torch: the memory of the device, above all
            hint = "; lower grading.scorer.max_batch_tokens" if "memory" in str(error) else ""
            raise StageError(f"grading.scorer: {one_line(error)}{hint}") from error


@dataclass(frozen=True)
class WarmScorers:
    """Where the scorers of a run are; travels to workers, and connects there."""

    actors: tuple[Warm, ...]

    def __call__(self) -> Score:
        load = Load(len(self.actors), ENOUGH)

        def score(items: Sequence[Item]) -> list[Scored]:
            with load.of_next() as index:
                found: list[Scored] = self.actors[index].call("score", items)
                return found

        return score


def warm_scorers(config: RunConfig, fence: Fence) -> WarmScorers:
    """Those of `placement.prm`; each is started by the first call that needs it."""
    placement, namespace = config.placement.prm, namespace_of(config.name, fence)
    options = worker_resources(placement)
    return WarmScorers(
        tuple(Warm(Scorer, fence, namespace, f"prm-{index}", options) for index in range(placement.max_workers))
    )
