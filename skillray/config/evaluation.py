"""What students are evaluated on besides the held-out questions of their data, and what is compared."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, PositiveInt, model_validator

from skillray.chat.prompt import StudentPrompt
from skillray.chat.sampling import Sampling
from skillray.config.students import Name
from skillray.evaluation.benchmarks import BENCHMARKS
from skillray.evaluation.samples import PATTERN, Metric
from skillray.store.paths import DataPath
from skillray.types import Value


class EvaluationSet(Value):
    """Questions that no stage ever sees, answered before any training and by what the last round made.

    A `benchmark` fills in whatever is left out; what a config resolves to is what the run keeps, so a later version of
    the table of benchmarks changes no run. Answers are judged by their final answer alone: no reward model is asked.
    """

    name: Name = ""
    """Column of the tables; the benchmark's name unless given."""
    benchmark: str | None = None
    """A name of skillray/evaluation/benchmarks.py."""
    path: DataPath | None = None
    """A Hugging Face data set id, or a Parquet or JSONL file; the benchmark's own unless given. Subjects, skills and
    solutions may be absent."""
    subset: str | None = None
    """Configuration of a Hugging Face data set."""
    split: str | None = None
    """Split of a Hugging Face data set."""
    question_column: str | None = None
    """Which holds the question; `question`, unless the benchmark says otherwise."""
    reference_column: str | None = None
    """Which holds the reference answer, or a solution that ends with it; `answer` likewise."""
    prompt: StudentPrompt | None = None
    """How this set is asked; as the student is asked everything else unless given."""
    sampling: Sampling | None = None
    """Fields that are left out are the run's own; the temperature is the benchmark's."""
    samples: PositiveInt | None = None
    """Answers to each question."""
    metric: Annotated[str, Field(pattern=PATTERN)] | None = None
    """avg@K, pass@K or maj@K, with K of at most `samples`; avg over all samples unless given."""

    @model_validator(mode="after")
    def _by_benchmark(self) -> Self:
        self._fill(name=self.name or self.benchmark)
        if not self.name:
            raise ValueError("a set needs a `name`, or a `benchmark`")
        if self.benchmark is not None:
            self._take(self.benchmark)
        if self.path is None:
            raise ValueError(f"set {self.name!r} needs a `path`: a file, or a Hugging Face data set id")
        samples = self.samples or 1
        self._fill(
            samples=samples,
            question_column=self.question_column or "question",
            reference_column=self.reference_column or "answer",
            metric=self.metric or f"avg@{samples}",
        )
        if self.scored_by.k > samples:
            raise ValueError(f"set {self.name!r}: {self.metric} needs as many `samples`; got {samples}")
        return self

    @property
    def scored_by(self) -> Metric:
        assert self.metric is not None, "it is filled in when the set is made"
        return Metric.named(self.metric)

    @property
    def temperature(self) -> float | None:
        """The benchmark's, where the set names one."""
        return None if self.benchmark is None else BENCHMARKS[self.benchmark].temperature

    def sampled(self, run: Sampling) -> Self:
        """This set with every field of its sampling said: its own, the benchmark's, or else the run's."""
        own = {} if self.sampling is None else self.sampling.model_dump(include=self.sampling.model_fields_set)
        given = {} if self.temperature is None else {"temperature": self.temperature}
        sampling = Sampling(**(run.model_dump() | given | own))
        if sampling.temperature == 0.0 and (self.samples or 1) > 1:
            raise ValueError(
                f"evaluation.sets {self.name!r}: samples must be 1 at temperature 0 (all would be equal); "
                f"got {self.samples}"
            )
        return self.model_copy(update={"sampling": sampling})

    def _take(self, benchmark: str) -> None:
        found = BENCHMARKS.get(benchmark)
        if found is None:
            raise ValueError(f"benchmark must be one of {', '.join(sorted(BENCHMARKS))}; got {benchmark!r}")
        if self.path is None:
            if found.hub is None:
                raise ValueError(f"benchmark {benchmark!r} is published as a file, and no data set: give its `path`")
            if not (found.question or self.question_column) or not (found.reference or self.reference_column):
                raise ValueError(
                    f"benchmark {benchmark!r}: the columns of {found.hub} are not known here; give `question_column` "
                    "and `reference_column`"
                )
            self._fill(path=found.hub, subset=self.subset or found.subset, split=self.split or found.split)
        self._fill(
            question_column=self.question_column or found.question,
            reference_column=self.reference_column or found.reference,
            samples=self.samples or found.samples,
            metric=self.metric or (found.metric if self.samples in (None, found.samples) else None),
        )

    def _fill(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


class NamedContrast(Value):
    """Two students that are compared, said before there are results."""

    arm: Name
    control: Name


class EvaluationSettings(Value):
    """Everything that decides what the reported figures are of."""

    sets: tuple[EvaluationSet, ...] = ()
    """Besides the held-out questions of the data, whose figure stands first in the table, and its mean over all."""
    contrasts: tuple[NamedContrast, ...] = ()
    """The comparisons that the run is made for. Only of these a report says who is ahead, by p-values adjusted after
    Holm; differences of all other pairs are shown without a verdict."""
    decontaminate: bool = True
    """Leave out of the pool, and of whatever is written, what gives an evaluation question away: 13 words in one piece,
    or a similar question with the same answer (skillray/grading/texts.py). Where false, it is counted and stays."""
