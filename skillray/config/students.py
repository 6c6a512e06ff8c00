"""Students: a model, and the stages of what it studies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from skillray.chat.prompt import StudentPrompt
from skillray.curriculum import CURRICULA, Curriculum
from skillray.curriculum.answers import answers_of
from skillray.curriculum.base import Need
from skillray.curriculum.dynamics import Dynamics
from skillray.store.paths import DataPath
from skillray.training.settings import StageTraining, TrainingSettings
from skillray.types import Value

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""Names become folders, actors and Serve apps: lower case letters, digits, '-' and '_'."""

if TYPE_CHECKING:
    AnyCurriculum = Curriculum
else:
    # The union is made of the table of methods, so that one of another package is read like our own.
    AnyCurriculum = Annotated[reduce(or_, CURRICULA.values()), Field(discriminator="type")]


class Stage(Value):
    """One round of a student that is not like the others: what it studies, and how it is trained on it."""

    curriculum: AnyCurriculum
    training: StageTraining = StageTraining()
    dynamics: Dynamics | None = None
    """Edit the examples while the student learns them: every epoch is a segment of its own. None: they stay."""

    profile: Name | None = None
    """Of `data.profiles`: the questions that this round's evidence comes from. None: the profile part of `data.probe`.
    Held-out scores are of `data.probe` in every round."""

    @property
    def profile_split(self) -> str:
        """The split of the questions that its evidence comes from."""
        return "profile" if self.profile is None else f"profile-{self.profile}"

    @property
    def label(self) -> str:
        """For a reader: the curriculum, what it has chosen by name, and whether its examples are edited."""
        fields = self.curriculum.model_dump(exclude_defaults=True).items()
        chosen = [f"{name} {value}" for name, value in fields if isinstance(value, str) and name != "type"]
        if self.profile is not None:
            chosen.append(f"profile {self.profile}")
        if (source := answers_of(self.curriculum).source) != "human":
            chosen.append(f"answers {source}")
        if self.dynamics is not None:
            chosen.append("dynamics" if self.dynamics.actions else "dynamics measured only")
        return f"{self.curriculum.type} ({', '.join(chosen)})" if chosen else self.curriculum.type


class StudentConfig(Value):
    """One student: a model and the method that decides what it studies."""

    name: Name
    curriculum: AnyCurriculum | None = None
    """What every round is made by. Or `stages`."""
    stages: tuple[Stage, ...] = ()
    """Rounds that differ, in their order; `rounds` repeats the list."""
    model: DataPath = "embedded"
    """'embedded', a Hugging Face id, or a path to a Hugging Face folder."""
    prompt: StudentPrompt | None = None
    """The words around every question, instead of `rollout.prompt`."""
    recorded: str | None = None
    """Diagnose the answers of this student of `rollout.recorded` instead of those of `model`, in the first round."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.curriculum is None) == (not self.stages):
            raise ValueError(f"student {self.name!r} needs either `curriculum` or `stages`")
        return self

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """At least one."""
        return self.stages if self.curriculum is None else (Stage(curriculum=self.curriculum),)

    def stage(self, index: int) -> Stage:
        """Of round `index`."""
        return self.all_stages[index % len(self.all_stages)]

    def rounds(self, repeats: int) -> int:
        """How many it has; `repeats` is `rounds` of the run."""
        return repeats * len(self.all_stages)

    def training(self, index: int, settings: TrainingSettings) -> TrainingSettings:
        """Of round `index`, where the run's are `settings`."""
        return self.stage(index).training.over(settings)

    @property
    def curricula(self) -> tuple[Curriculum, ...]:
        return tuple(stage.curriculum for stage in self.all_stages)

    def named_curricula(self) -> Iterator[tuple[str, Curriculum]]:
        """Each with its place in the student's config."""
        if self.curriculum is not None:
            yield "curriculum", self.curriculum
        for index, stage in enumerate(self.stages):
            yield f"stages.{index}.curriculum", stage.curriculum

    @property
    def needs(self) -> frozenset[Need]:
        """Of any of its stages."""
        return frozenset().union(*(curriculum.needs for curriculum in self.curricula))

    @property
    def method(self) -> str:
        """For a reader: its stages, in order."""
        return " + ".join(stage.label for stage in self.all_stages)
