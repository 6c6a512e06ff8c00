"""Kill anything, at seeded moments of every stage: the same command again ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from skillray.store.layout import RunFolder
from tests.faults.invariants import check, history
from tests.faults.left import left_behind
from tests.faults.nemesis import MOMENTS, VICTIMS, Command, Moment, Nemesis
from tests.faults.table import Outcome
from tests.ray.test_loop import SMALL

pytestmark = pytest.mark.timeout(1200)

STUDENTS = [
    {"name": "stat-syn", "curriculum": {"type": "stat-syn", "num_examples": 40, "keep": 0.25}},
    {"name": "uniform", "curriculum": {"type": "uniform", "num_examples": 60}},
]
CONFIG = SMALL | {
    "students": STUDENTS,
    "training": SMALL["training"] | {"max_tokens": 20000, "checkpoint_every_s": 0.0},
}
SEEDS = [int(seed) for seed in os.environ.get("FAULT_SEEDS", "1").split()]
SAMPLE = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
"""Another one every time, and printed: a seed that fails is a report."""


@dataclass
class Undisturbed:
    run: RunFolder
    lasts: dict[Moment, float]


@dataclass
class World:
    """What all tests share: a cluster that outlives the drivers, and a run that nobody disturbs."""

    folder: Path
    address: str
    history: Path
    undisturbed: Undisturbed | None = None

    def command(self, name: str, address: str) -> Command:
        run = RunFolder(str(self.folder / name / "run"))
        command = Command(run, self.folder / name / "driver", address)
        command.write(CONFIG | {"name": name})
        return command

    def reference(self) -> Undisturbed:
        if self.undisturbed is None:
            command, since = self.command("undisturbed", self.address), dict[Moment | None, float]()

            def look(driver: object) -> None:
                moment = None if os.path.exists(command.run.report) else command.moment()
                if since or moment is not None:
                    since.setdefault(moment, time.monotonic())

            command.until_done(look)
            assert command.started == 1 and [*since] == [*MOMENTS, None]
            starts = list(since.values())
            lasts = {moment: end - start for moment, start, end in zip(MOMENTS, starts, starts[1:], strict=False)}
            self.undisturbed = Undisturbed(command.run, lasts)
        return self.undisturbed


@pytest.fixture(scope="module")
def world(local_ray: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    import ray

    return World(tmp_path_factory.mktemp("faults"), ray.get_runtime_context().gcs_address, local_ray)


def battered(world: World, name: str, victims: tuple[str, ...], seed: int, address: str = "") -> Outcome:
    """One run, killed wherever `victims` are; fails unless every invariant holds at its end."""
    reference = world.reference()
    command = world.command(name, address or world.address)
    nemesis = Nemesis(command, victims, seed, reference.lasts)
    start = time.monotonic()
    command.until_done(nemesis.look)
    seconds = time.monotonic() - start
    found = check(command.run, reference.run, nemesis.strikes, history(world.history, f"teacher-{name}"))
    found.violations += left_behind(command)
    struck = [(strike.victim, *strike.moment) for strike in nemesis.strikes]
    assert not found.violations, (f"seed {seed}, killed: {struck}", found.violations[:20], command.said())
    expected = {moment for victim in victims for moment in VICTIMS[victim].moments}
    # A short stage may pass before a look finds its process on a busy machine.
    assert len(nemesis.strikes) >= max(1, len(expected) - 2), struck
    return Outcome(
        fault=f"kill -9: {', '.join(victims) if len(victims) < 3 else 'any of them'}" + (" (local)" if address else ""),
        seeds=str(seed),
        injected=len(nemesis.strikes),
        recovered=len(nemesis.strikes),
        lost=found.lost,
        repeated=found.repeated,
        seconds=seconds,
        equal=found.equal,
        commands=command.started,
    )


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("victim", VICTIMS)
def test_the_end_is_that_of_an_undisturbed_run(world: World, outcomes: list[Outcome], victim: str, seed: int) -> None:
    outcomes.append(battered(world, f"{victim.replace(' ', '-')}-{seed}", (victim,), seed))


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
def test_a_driver_that_is_killed_takes_its_own_ray_with_it(world: World, outcomes: list[Outcome], seed: int) -> None:
    outcomes.append(battered(world, f"local-{seed}", ("driver",), seed, address="local"))


@pytest.mark.ray
def test_a_sample_of_all_kills(world: World, outcomes: list[Outcome]) -> None:
    outcomes.append(battered(world, f"sample-{SAMPLE}", tuple(VICTIMS), SAMPLE))


def test_every_stage_is_struck_by_somebody() -> None:
    assert {moment for victim in VICTIMS.values() for moment in victim.moments} == set(MOMENTS)
