"""A run folder as an object: students, rounds, Missing-Skill-Profiles, and every table as Arrow. It only reads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from skillray.config import RunConfig, load_config
from skillray.diagnosis.profile import MissingSkillProfile, profile_of
from skillray.errors import DataError
from skillray.evaluation.accuracy import Accuracy, accuracy_of
from skillray.loop.evaluated import SCORE_COLUMNS
from skillray.store.files import exists, has_folder, names_in, read_json
from skillray.store.layout import RoundFolder, RunFolder
from skillray.store.opening import existing_run
from skillray.store.schemas import TABLES
from skillray.store.tables import Table

BEFORE = -1
"""The index of what is known of a student before any training."""


class Tables:
    """A folder with tables in it, at any depth."""

    def __init__(self, path: str) -> None:
        self.path = path

    def tables(self) -> list[str]:
        """Names of the complete tables, as `table` takes them: graded, or segment-000/examples."""
        return list(_tables_in(self.path))

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows of a table, in memory; `.to_pandas()` makes a frame of it. Schemas: skillray/store/schemas.py.

        Raises:
            DataError: there is no such table or column, or the table is not complete yet.
            TableError: a part is damaged.
        """
        parts = name.split("/")
        table = Table(os.path.join(self.path, *parts))
        if {"", ".", ".."} & set(parts) or not _is_table(table):
            raise DataError(f"{self.path}: has no complete table {name!r}; tables() lists those that it has")
        if unknown := [column for column in columns or () if column not in table.schema.names]:
            raise DataError(f"{name}: has no column {unknown[0]!r}; there are {', '.join(table.schema.names)}")
        return table.read(columns)


class Round(Tables):
    """One round of one student; or, with the index -1, what is known of the student before any training."""

    def __init__(self, folder: RoundFolder, index: int) -> None:
        super().__init__(folder.path)
        self.folder = folder
        self.index = index

    def __repr__(self) -> str:
        return f"Round({self.path!r})"

    @property
    def accuracy(self) -> Accuracy | None:
        """On the held-out questions, with the checkpoint that this round made; None before they are graded."""
        scores = self.folder.table("scores")
        return accuracy_of(scores.read(SCORE_COLUMNS)) if scores.complete() else None

    @property
    def profile(self) -> MissingSkillProfile | None:
        """The Missing-Skill-Profile that this round set out from: of the student as the round found it.

        So the profile of round 0 is of the untrained student; `skillray profile` calls it the one of round -1. None
        where nothing was diagnosed (yet): of a control, and before any training.
        """
        gaps = self.folder.table("gaps")
        if not gaps.complete():
            return None
        rows = gaps.read(["missing_skills", "outcome"])
        return profile_of(rows["missing_skills"].to_pylist(), rows["outcome"].to_pylist())

    @property
    def checkpoint(self) -> str | None:
        """The folder of the model, or PEFT adapter, that this round made; None before it is whole."""
        path = self.folder.checkpoint
        return path if exists(os.path.join(path, "manifest.json")) else None


class Student(Tables):
    """One student of a run."""

    def __init__(self, run: RunFolder, name: str) -> None:
        super().__init__(run.file("students", name))
        self.name = name
        self._run = run

    def __repr__(self) -> str:
        return f"Student({self.path!r})"

    @property
    def before(self) -> Round:
        """What is known of the student before any training."""
        return Round(self._run.base(self.name), BEFORE)

    @property
    def rounds(self) -> list[Round]:
        """The rounds that have begun, in order: `rounds[0]` is round 0."""
        begun: list[Round] = []
        while has_folder((folder := self._run.round(self.name, len(begun))).path):
            begun.append(Round(folder, len(begun)))
        return begun

    @property
    def profile(self) -> MissingSkillProfile | None:
        """The newest Missing-Skill-Profile; None where the student was never diagnosed."""
        return next((profile for one in reversed(self.rounds) if (profile := one.profile) is not None), None)


class Run(Tables):
    """A run folder, or the folder of an evaluation, on a disk or in a bucket.

    Nothing is kept in memory: every property is read anew, so that a run can be watched while it goes on.

    Raises:
        DataError: there is no run at `path`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.folder = existing_run(os.fspath(path))
        super().__init__(self.folder.path)

    def __repr__(self) -> str:
        return f"Run({self.path!r})"

    @property
    def config(self) -> RunConfig:
        """The config that it was last started with."""
        return load_config(self.folder.config)

    @property
    def state(self) -> str | None:
        """The run is running, done or failed; one that was killed still says running. None before it begins."""
        return str(self._status()["state"]) if exists(self.folder.status) else None

    @property
    def failures(self) -> dict[str, str]:
        """Student -> why it failed; the tracebacks are in RUN/logs."""
        students = self._status()["students"] if exists(self.folder.status) else {}
        return {name: str(one["error"]) for name, one in students.items() if one["state"] == "failed"}

    @property
    def students(self) -> dict[str, Student]:
        """Every student by its name, in the order of the config. Of an evaluation: the models."""
        return {student.name: Student(self.folder, student.name) for student in self.config.students}

    @property
    def summary(self) -> dict[str, Any] | None:
        """Accuracies with intervals, changes and paired comparisons, as in summary.json; None before there is one."""
        return read_json(self.folder.summary) if exists(self.folder.summary) else None

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """The figures of every model, as in evaluation.json; None of a run."""
        return read_json(self.folder.evaluation) if exists(self.folder.evaluation) else None

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = read_json(self.folder.status)
        return status


def _is_table(table: Table) -> bool:
    """Other folders have a manifest too: a checkpoint."""
    return os.path.basename(table.folder).partition("-")[0] in TABLES and table.complete()


def _tables_in(folder: str, within: str = "") -> Iterator[str]:
    for name in names_in(folder):
        path = os.path.join(folder, name)
        if _is_table(Table(path)):
            yield within + name
        elif "." not in name:  # a file
            yield from _tables_in(path, f"{within}{name}/")
