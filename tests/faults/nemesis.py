"""A run of the real command, and somebody who kills what it consists of, once in every stage that has it."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

from skillray.config import dump_config, parse
from skillray.store.files import read_json
from skillray.store.layout import RunFolder

Moment = tuple[str, int]
"""A stage and its round, as status.json names them."""
MOMENTS: tuple[Moment, ...] = (
    ("prepare", 0),
    ("answer", 0),
    ("diagnose", 0),
    ("study", 0),
    ("fine_tune", 0),
    ("answer", 1),
    ("diagnose", 1),
    ("summarise", 0),
)
POLL_S = 0.05
LIMIT_S = 900.0
"""For one run with all its kills."""
SETTLE_S = 30.0
"""For processes to go after the command that started them has ended; also the lease's check of the fence."""


class Victim(NamedTuple):
    """A kind of process."""

    title: str
    """How its title starts."""
    moments: tuple[Moment, ...]
    """Where there is one."""
    why: str


def _at(*stages: str) -> tuple[Moment, ...]:
    return tuple(moment for moment in MOMENTS if moment[0] in stages)


VICTIMS = {
    "driver": Victim("", MOMENTS, "the command itself"),
    "coordinator": Victim("ray::Coordinator", MOMENTS, "Ray restarts it"),
    "stage runner": Victim(
        "ray::StageRunner", _at("prepare", "answer", "diagnose", "study", "summarise"), "the coordinator replaces it"
    ),
    "training group": Victim("ray::TrainingGroup", _at("fine_tune"), "with Ray Train's controller, which it owns"),
    "train worker": Victim("ray::RayTrainWorker", _at("fine_tune"), "in the middle of an epoch"),
    "data worker": Victim("ray::MapWorker", _at("answer"), "roll_out, grade; what is small is done in the runner"),
    "teacher replica": Victim("ray::ServeReplica", _at("diagnose", "study"), "with calls under way"),
    "reply log": Victim("ray::ReplyLogActor", _at("diagnose", "study"), "with replies not yet written"),
}


@dataclass
class Strike:
    victim: str
    moment: Moment
    at: float
    """Seconds since the epoch."""
    standing: dict[str, str]
    """What was committed: path -> sha256."""


@dataclass
class Command:
    """`skillray run`, given again until it ends well."""

    run: RunFolder
    folder: Path
    """For its config and what it prints."""
    address: str
    started: int = 0
    watched: str = ""
    scratch: str = ""
    """Of a local Ray."""
    others: frozenset[psutil.Process] = frozenset()
    """What earlier tests left on the cluster."""

    def write(self, config: dict[str, object]) -> None:
        self.folder.mkdir(parents=True)
        self.others = frozenset(family())
        values = parse(config | {"cluster": {"address": self.address}}, "test")
        self.watched = values.students[0].name
        (self.folder / "config.yaml").write_text(dump_config(values))

    def start(self) -> subprocess.Popen[bytes]:
        words = ["-m", "skillray", "run", str(self.folder / "config.yaml"), "--run-dir", self.run.path]
        environment = os.environ | {"SKILLRAY_TEST_RUN": self.run.path}
        if self.address == "local":
            for name in ("SKILLRAY_TEMP_DIR", "RAY_AUTH_TOKEN_PATH"):  # of the Ray of this process
                environment.pop(name, None)
            self.scratch = self.scratch or tempfile.mkdtemp()
            environment["TMPDIR"] = self.scratch
        self.started += 1
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                [sys.executable, *words], stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def until_done(self, look: Callable[[subprocess.Popen[bytes]], None]) -> None:
        """`look` is called every POLL_S while it runs. It may fail as often as something was killed, and once more."""
        deadline = time.monotonic() + LIMIT_S
        for _ in range(len(MOMENTS) + 1):
            process = self.start()
            try:
                while process.poll() is None:
                    assert time.monotonic() < deadline, f"no end after {LIMIT_S:.0f} s: {self.said()}"
                    look(process)
                    time.sleep(POLL_S)
            finally:
                process.kill()
                process.wait()
            if process.returncode == 0:
                return
        raise AssertionError(f"it failed more often than it was killed: {self.said()}")

    def said(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def moment(self) -> Moment | None:
        """Where the watched student is; None before and between."""
        try:
            entry = read_json(self.run.status)["students"][self.watched]
            return None if entry["stage"] is None else (entry["stage"], entry["round"])
        except Exception:  # not there yet
            return None


@dataclass
class Nemesis:
    """Strikes one of `victims` at a seeded instant of every stage that has one."""

    command: Command
    victims: tuple[str, ...]
    seed: int
    lasts: dict[Moment, float]
    """Seconds, when nobody is killed, of every stage in which somebody is to be."""
    moments: Callable[[str], tuple[Moment, ...]] = lambda victim: VICTIMS[victim].moments
    """Of a victim."""
    strikes: list[Strike] = field(default_factory=list)
    _due: dict[Moment, tuple[str, float]] = field(default_factory=dict)
    """Stage -> whom, and when."""

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def look(self, driver: subprocess.Popen[bytes]) -> None:
        moment = self.command.moment()
        if moment not in self.lasts or any(strike.moment == moment for strike in self.strikes):
            return
        if moment not in self._due:
            here = [name for name in self.victims if moment in self.moments(name)]
            if not here:
                return
            delay = self._rng.uniform(0.0, 0.5) * self.lasts[moment]
            self._due[moment] = (self._rng.choice(here), time.monotonic() + delay)
        victim, due = self._due[moment]
        if time.monotonic() >= due:
            self._strike(victim, moment, driver)

    def _strike(self, victim: str, moment: Moment, driver: subprocess.Popen[bytes]) -> None:
        """Nothing happens when there is no such process now: the next look tries again, as long as the stage lasts."""
        found = [driver.pid] if victim == "driver" else processes(VICTIMS[victim].title)
        if not found:
            return
        try:
            os.kill(self._rng.choice(found), signal.SIGKILL)
        except ProcessLookupError:
            return
        self.strikes.append(Strike(victim, moment, time.time(), standing(self.command.run)))


def processes(title: str) -> list[int]:
    """Of the Ray of this process."""
    return sorted(process.pid for process in family() if title_of(process).startswith(title))


def family() -> Iterator[psutil.Process]:
    yield from psutil.Process().children(recursive=True)


def title_of(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return words[0] if words else ""


MUTABLE = {"config.yaml", "status.json", "summary.json", "lock.json", "index.html", "study.json"}
"""Files where the last write wins."""
PASSING = {"progress", "train", "logs", "report"}
"""Folders whose contents come and go."""


def standing(run: RunFolder) -> dict[str, str]:
    """Everything committed that must never change: path -> sha256."""
    found = {}
    for path in sorted(Path(run.path).rglob("*")):
        place = path.relative_to(run.path)
        if path.name in MUTABLE or PASSING & set(place.parts) or not path.is_file() or ".tmp" in str(place):
            continue
        try:
            found[str(place)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except FileNotFoundError:  # a draft that was published just now
            continue
    return found
