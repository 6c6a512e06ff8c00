"""What tests of killed runs share: a cluster that outlives the drivers, and a run that nobody disturbs."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from skillray.store.layout import RunFolder
from tests.faults.nemesis import MOMENTS, Command, Moment
from tests.ray.test_loop import SMALL, TOKENS

STUDENTS = [
    {"name": "stat-syn", "curriculum": {"type": "stat-syn", "num_examples": 40, "keep": 0.25}},
    {"name": "uniform", "curriculum": {"type": "uniform", "num_examples": 60}},
]
CONFIG = SMALL | {
    "students": STUDENTS,
    "training": SMALL["training"] | {"max_tokens": TOKENS, "checkpoint_every_s": 0.0},
}


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
