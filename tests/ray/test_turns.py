"""Students that wait for one worker group, on real actors: a group that trains nothing stands for Ray Train's."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from skillray.config import parse
from skillray.coordinator.fleet import StatusFile
from skillray.errors import DeadlineError
from skillray.store.fence import UNFENCED
from skillray.store.layout import RunFolder

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]
LIMIT_S = 3.0


class InTurn:
    """Those whose name begins with `slow` never end, others in a moment."""

    def __init__(self, fence: object, namespace: str, name: str) -> None:
        self.order: list[str] = []
        self.free = asyncio.Lock()
        self.begun: dict[str, asyncio.Event] = {}

    async def train(self, student: str, round_index: int, part: str) -> float:
        self.begun[student] = asyncio.Event()
        async with self.free:
            self.begun[student].set()
            await asyncio.sleep(3600 if student.startswith("slow") else 0.1)
        return 0.1

    async def turn(self, student: str, round_index: int, part: str) -> None:
        while student not in self.begun:  # it may come before `train`
            await asyncio.sleep(0.05)
        await self.begun[student].wait()

    async def idle(self) -> None:
        pass

    async def stop(self, *place: Any) -> None:
        pass


def test_a_student_that_takes_too_long_costs_the_others_nothing_and_their_time_runs_from_their_turn(
    local_ray, tmp_path, monkeypatch
) -> None:
    from skillray.on_ray import training_group
    from skillray.on_ray.runner import LIVES, Attempts

    monkeypatch.setattr(training_group, "TrainingGroup", InTurn)
    names = [*(f"slow-{n}" for n in range(LIVES)), "a", "b"]
    students = [{"name": name, "curriculum": {"type": "uniform"}} for name in names]
    settings = {"cluster": {"stage_timeout_s": LIMIT_S}, "placement": {"train": {"max_workers": 1}}}
    config = parse({"name": "turns", "students": students} | settings, "test")
    run = RunFolder(str(tmp_path / "run"))

    async def all_of_them() -> tuple[list[Any], list[float]]:
        status = StatusFile(run.status, "turns", UNFENCED)
        namespace = f"turns-{tmp_path.name}"
        trainer = training_group.Trainer(run, config, status, namespace, Attempts("turns", namespace, status))
        start, began = time.monotonic(), [asyncio.Event() for _ in names]
        times = [0.0] * len(names)

        async def noted(place: int) -> None:
            await began[place].wait()
            times[place] = time.monotonic() - start

        async def one(place: int) -> Any:
            if place:
                await began[0].wait()  # a slow one is first; the others have the order in which their calls come
            return await trainer.train(config.students[place], 0, "fine_tune", began[place])

        notes = [asyncio.create_task(noted(place)) for place in range(len(names))]
        found = await asyncio.gather(*(one(place) for place in range(len(names))), return_exceptions=True)
        await asyncio.gather(*notes)
        await trainer.stop()
        assert status.training == {}
        return found, times

    found, times = asyncio.run(all_of_them())
    slow, others = found[:LIVES], found[LIVES:]
    assert all(
        isinstance(one, DeadlineError) and "took longer than cluster.stage_timeout_s" in str(one) for one in slow
    )
    # They waited longer than a stage may take, lost their group with every slow one before them, and were trained.
    assert [one["fine_tune"] for one in others] == [0.1, 0.1]
    assert sorted(times[:LIVES])[-1] >= (LIVES - 1) * LIMIT_S and min(times[LIVES:]) > LIMIT_S
