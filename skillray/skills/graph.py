"""The skill graph: which skill is a prerequisite of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from skillray.errors import DataError


@dataclass(frozen=True)
class SkillGraph:
    """A directed acyclic graph over a closed vocabulary; edges point from prerequisite to dependent."""

    prerequisites: Mapping[str, tuple[str, ...]]
    """Skill -> the skills it builds on; every skill of the vocabulary is a key."""

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
        return [(need, skill) for skill, needs in self.prerequisites.items() for need in needs]

    @classmethod
    def flat(cls, skills: Sequence[str]) -> SkillGraph:
        """A vocabulary without known prerequisites."""
        return cls(dict.fromkeys(skills, ()))
