"""Kill whatever studies, edits and trains, in a probe that two students share, between epochs and within them: the same
categories, the same next epochs.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from skillray.store.layout import RunFolder
from tests.faults.invariants import check, history
from tests.faults.left import left_behind
from tests.faults.nemesis import Command, Moment, Nemesis
from tests.faults.table import Outcome
from tests.ray.test_dynamics import DYNAMICS, EDITED, EPOCHS

pytestmark = pytest.mark.timeout(1200)

SEED = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
VICTIMS = ("driver", "coordinator", "stage runner", "training group", "train worker")
LASTS_S = 1.5
"""From one epoch's end to the next one's, about: a strike comes while one is edited or trained."""
STAGES: dict[Moment, float] = {("study", 0): 8.0, ("probe", 0): 10.0}
"""And how long they last, about; the probe with the start of its worker group."""
ABSENT: dict[Moment, tuple[str, ...]] = {
    ("study", 0): ("training group", "train worker"),
    ("probe", 0): ("stage runner",),
}
"""Who cannot be struck in a stage."""


class Edited(Command):
    """Its moments are study and probe, and the epochs that the watched student has learnt."""

    def moment(self) -> Moment | None:
        if (stage := super().moment()) in STAGES:
            return stage
        segments = (self.run.round(self.watched, 0).segment(index) for index in range(EPOCHS))
        learnt = sum(segment.table("learning").complete() for segment in segments)
        return ("epoch", learnt) if 0 < learnt < EPOCHS else None


def command(folder: Path, name: str, address: str) -> Edited:
    made = Edited(RunFolder(str(folder / name / "run")), folder / name / "driver", address)
    students = [
        {
            "name": student,
            "stages": [{"curriculum": {"type": "uniform", "num_examples": 200}, "dynamics": DYNAMICS | {"lag": lag}}],
        }
        for student, lag in (("edited", 0), ("ahead", 1))
    ]
    made.write(EDITED | {"name": name, "students": students})
    return made


@pytest.mark.faults
def test_the_categories_and_epochs_are_those_of_an_undisturbed_run(
    local_ray: Path, tmp_path: Path, outcomes: list[Outcome]
) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    reference, struck = (command(tmp_path, f"edited-{name}", address) for name in ("whole", SEED))
    reference.until_done(lambda driver: None)
    lasts = STAGES | {("epoch", index): LASTS_S for index in range(1, EPOCHS)}

    def moments(victim: str) -> tuple[Moment, ...]:
        return tuple(moment for moment in lasts if victim not in ABSENT.get(moment, ()))

    nemesis = Nemesis(struck, VICTIMS, SEED, lasts, moments)
    start = time.monotonic()
    struck.until_done(nemesis.look)
    found = check(struck.run, reference.run, nemesis.strikes, history(local_ray, f"teacher-edited-{SEED}"))
    found.violations += left_behind(struck)
    killed = [(strike.victim, *strike.moment) for strike in nemesis.strikes]
    assert not found.violations, (f"seed {SEED}, killed: {killed}", found.violations[:20], struck.said())
    assert len(nemesis.strikes) >= 2, killed
    outcomes.append(
        Outcome(
            fault="kill -9: whatever edits and trains, while epochs change",
            seeds=str(SEED),
            injected=len(nemesis.strikes),
            recovered=len(nemesis.strikes),
            lost=found.lost,
            repeated=found.repeated,
            seconds=time.monotonic() - start,
            equal=found.equal,
            commands=struck.started,
        )
    )
