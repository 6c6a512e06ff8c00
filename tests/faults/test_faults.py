"""Kill anything, at seeded moments of every stage: the same command again ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence

import pytest

from tests.faults.invariants import check, history
from tests.faults.left import left_behind
from tests.faults.nemesis import MOMENTS, VICTIMS, Moment, Nemesis
from tests.faults.table import Outcome
from tests.faults.world import World

pytestmark = pytest.mark.timeout(1200)

SEEDS = [int(seed) for seed in os.environ.get("FAULT_SEEDS", "1").split()]
SAMPLE = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
"""Another one every time, and printed: a seed that fails is a report."""
SAMPLED = 5
"""Of the eight stages; `make test-faults` has them all."""


def battered(
    world: World,
    name: str,
    victims: tuple[str, ...],
    seed: int,
    address: str = "",
    moments: Sequence[Moment] = MOMENTS,
) -> Outcome:
    """One run, killed wherever `victims` are; fails unless every invariant holds at its end."""
    reference = world.reference()
    command = world.command(name, address or world.address)
    nemesis = Nemesis(command, victims, seed, {moment: reference.lasts[moment] for moment in moments})
    start = time.monotonic()
    command.until_done(nemesis.look)
    seconds = time.monotonic() - start
    found = check(command.run, reference.run, nemesis.strikes, history(world.history, f"teacher-{name}"))
    found.violations += left_behind(command)
    struck = [(strike.victim, *strike.moment) for strike in nemesis.strikes]
    assert not found.violations, (f"seed {seed}, killed: {struck}", found.violations[:20], command.said())
    expected = {moment for victim in victims for moment in VICTIMS[victim].moments} & set(moments)
    # A short stage may pass before a look finds its process on a busy machine.
    assert len(nemesis.strikes) >= max(1, len(expected) // 2), struck
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
    moments = random.Random(SAMPLE).sample(MOMENTS, SAMPLED)
    outcomes.append(battered(world, f"sample-{SAMPLE}", tuple(VICTIMS), SAMPLE, moments=moments))


def test_every_stage_is_struck_by_somebody() -> None:
    assert {moment for victim in VICTIMS.values() for moment in victim.moments} == set(MOMENTS)
