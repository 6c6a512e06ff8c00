"""The skill graph: which skill is a prerequisite of which, and which subject each belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from skillray.errors import DataError


@dataclass(frozen=True)
class SkillGraph:
    """A directed acyclic graph over a closed vocabulary; edges point from prerequisite to dependent."""

    prerequisites: Mapping[str, tuple[str, ...]]
    """Skill -> the skills it builds on; every skill of the vocabulary is a key."""
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Skill -> its subject; empty where the vocabulary is one list for all questions."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Study unit -> the skills in it, which need each other: a unit is a skill of the graph, its members are not."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Skill, or member of a unit -> what it is, where somebody said so."""
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Skill, or member of a unit -> other names that it had, before near-duplicates were made one."""

    def __post_init__(self) -> None:
        for skill, needs in self.prerequisites.items():
            if unknown := [need for need in needs if need not in self.prerequisites]:
                raise DataError(f"skill graph: {skill!r} builds on {unknown[0]!r}, which is not a skill of the graph")
        try:
            TopologicalSorter(self.prerequisites).prepare()
        except CycleError as error:
            raise DataError(f"skill graph: it must have no cycle, found {' -> '.join(error.args[1])}") from None

    @property
    def skills(self) -> tuple[str, ...]:
        """The vocabulary, in the order it was given."""
        return tuple(self.prerequisites)

    def allowed(self, subject: str) -> tuple[str, ...]:
        """The labels that a question of `subject` may get: its subject's list (STAT, arXiv 2510.10023, C.3.1)."""
        if not self.subjects:
            return self.skills
        return tuple(skill for skill in self.skills if self.subjects.get(skill) == subject)

    def order(self) -> tuple[str, ...]:
        """Every skill after its prerequisites; ties in vocabulary order."""
        sorter = TopologicalSorter(self.prerequisites)
        sorter.prepare()
        rank = {skill: i for i, skill in enumerate(self.prerequisites)}
        ordered: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=rank.__getitem__)
            ordered.extend(ready)
            sorter.done(*ready)
        return tuple(ordered)

    def depth(self) -> dict[str, int]:
        """Longest chain of prerequisites below each skill; 0 for a skill that needs none."""
        depth: dict[str, int] = {}
        for skill in self.order():
            depth[skill] = 1 + max((depth[need] for need in self.prerequisites[skill]), default=-1)
        return depth

    def edges(self) -> list[tuple[str, str]]:
        """Pairs (prerequisite, dependent)."""
        return [(need, skill) for skill, needs in self.prerequisites.items() for need in needs]

    @classmethod
    def flat(cls, skills: Sequence[str], subjects: Mapping[str, str] | None = None) -> SkillGraph:
        """A vocabulary without known prerequisites."""
        return cls(dict.fromkeys(skills, ()), dict(subjects or {}))


def in_subject(skill: str, subject: str) -> str:
    """The name of `skill` where there are several subjects: the same word in two of them is two skills."""
    return f"{subject}/{skill}"


def bare(skill: str, subject: str) -> str:
    """The name of `skill` without its subject: the inverse of `in_subject`."""
    return skill.removeprefix(f"{subject}/")
