"""The layout of a run folder: where each table and file of a run is. It is the public interface of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from skillray.store.files import has_folder
from skillray.store.tables import Table


@dataclass(frozen=True, slots=True)
class RoundFolder:
    """One round of one student."""

    path: str

    def table(self, name: str) -> Table:
        return Table(os.path.join(self.path, name))

    @property
    def checkpoint(self) -> str:
        return os.path.join(self.path, "checkpoint")

    def folder(self, name: str) -> RoundFolder:
        return RoundFolder(os.path.join(self.path, name))

    @property
    def study(self) -> str:
        """State that a segment's curriculum hands on to the next segment, and the counts that a report shows of it."""
        return os.path.join(self.path, "study.json")

    @property
    def probe(self) -> RoundFolder:
        """The short fit on spoilt examples that an error baseline comes from."""
        return self.folder("probe")

    @property
    def shared_probe(self) -> RoundFolder:
        """The folder that holds the tables of `probe`; students whose fit is the same share it."""
        return RoundFolder(os.path.dirname(self.probe.table("schedule").source().folder))

    @property
    def targets(self) -> RoundFolder:
        """Answers to the pool questions that a segment draws, in runs that do not train on the pool's own."""
        return self.folder("targets")

    @property
    def shared_targets(self) -> RoundFolder:
        """The folder of the tables of `targets`; students that were asked the same in the same state share it."""
        return RoundFolder(os.path.dirname(self.targets.table("asked").source().folder))

    def answers(self, evaluation_set: str) -> Table:
        """The student's graded answers to an evaluation set, with this round's checkpoint."""
        return self.folder("evaluation").folder(evaluation_set).table("answers")

    def outside(self, task: str) -> str:
        """The result of one lm-eval task: its metric, and a value for every question."""
        return os.path.join(self.path, "outside", f"{task}.json")

    def segment(self, index: int = 0) -> RoundFolder:
        return RoundFolder(os.path.join(self.path, f"segment-{index:03d}"))

    def segments(self) -> Iterator[RoundFolder]:
        """The segments that have begun, in order."""
        index = 0
        while has_folder((segment := self.segment(index)).path):
            yield segment
            index += 1


@dataclass(frozen=True, slots=True)
class RunFolder:
    path: str

    def file(self, *names: str) -> str:
        return os.path.join(self.path, *names)

    @property
    def config(self) -> str:
        return self.file("config.yaml")

    @property
    def status(self) -> str:
        return self.file("status.json")

    @property
    def summary(self) -> str:
        return self.file("summary.json")

    @property
    def evaluation(self) -> str:
        """Of the folder that `skillray evaluate` writes: the figures of every model."""
        return self.file("evaluation.json")

    @property
    def report(self) -> str:
        return self.file("report", "index.html")

    def questions(self, split: str) -> Table:
        """Questions of a split.

        `split` is pool, profile, held_out, or profile-NAME for a profile that a later stage looks at.
        """
        return Table(self.file("data", split))

    def evaluation_set(self, name: str) -> Table:
        """Questions of an evaluation set."""
        return Table(self.file("data", "evaluation", name, "questions"))

    def embeddings(self, split: str) -> Table:
        """Embeddings of the questions of a split; only in runs whose curriculum compares questions."""
        return Table(self.file("data", f"{split}-embedded", "embeddings"))

    def texts(self) -> Table:
        """Texts of `data.replay`; only in runs that set it."""
        return Table(self.file("data", "texts"))

    def recorded(self) -> Table:
        return Table(self.file("data", "recorded"))

    @property
    def labelling(self) -> RoundFolder:
        """Questions without skills, and what the teacher said of them; only where it labels them."""
        return RoundFolder(self.file("data", "labelling"))

    @property
    def vocabulary(self) -> str:
        """Subject -> the skills that the teacher's names came to."""
        return self.file("data", "labelling", "vocabulary.json")

    @property
    def skills(self) -> RoundFolder:
        """Names of skills and their embeddings; only where a graph is made and there is a model."""
        return RoundFolder(self.file("data", "skills"))

    @property
    def graph(self) -> str:
        return self.file("data", "graph.json")

    @property
    def inputs(self) -> str:
        """Hashes of the data files and models that the run was started with."""
        return self.file("data", "inputs.json")

    @property
    def data_notes(self) -> str:
        """A list of lines that say what was left out of the data."""
        return self.file("data", "notes.json")

    def base(self, student: str) -> RoundFolder:
        """Tables about the student as it was before any training."""
        return RoundFolder(self.file("students", student, "base"))

    def round(self, student: str, index: int) -> RoundFolder:
        return RoundFolder(self.file("students", student, f"round-{index:03d}"))

    def shared(self, key: str) -> RoundFolder:
        """Tables that several students link to; `key` is the hash of all they depend on."""
        return RoundFolder(self.file("shared", key))

    def replies(self, shard: int, teacher: str = "") -> str:
        """The folder of one shard of the reply log, of the run's teacher or of the one that `teacher` names."""
        return self.file("teacher", "replies", *filter(None, [teacher]), f"{shard:03d}")

    def teacher_check(self, part: str) -> str:
        """The result of one part of the measurement of a teacher."""
        return self.file("teacher", "check", f"{part}.json")
