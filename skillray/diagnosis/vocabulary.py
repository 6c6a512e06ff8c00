"""A skill vocabulary for questions that have none: what a teacher called each of them, in families.

    label       one fine-grained skill for every pool question, in free words
    cluster     families of those names, by the teacher: `vocabulary_of`
    relabel     up to five families for every question, pool and probe

Didolkar et al. (arXiv 2405.12205) label and relabel with one skill; up to five are STAT's (arXiv 2510.10023, C.3.1).
What becomes of names that fit nowhere and of small families is not said: the rules here are ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skillray.protocols import Ask
from skillray.teacher.tasks import ClusterSkills, Outcome, Task

CHUNK = 100
"""Names in one request; families of several requests are put into families again."""
TRIES = 3
MAX_OTHER = 0.05
"""Share of the questions whose names are in no family, above which the rest is clustered again."""
MIN_QUESTIONS = 4
"""Of a family; the questions of a smaller one are relabelled with what remains."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The skills of one subject."""

    skills: tuple[str, ...]
    """By name."""
    names: int
    """That they were made of."""
    other: float
    """Share of the questions whose names came into none of them."""


def vocabulary_of(counts: Mapping[str, int], subject: str, families: int, ask: Ask) -> Vocabulary:
    """The skills that the names in `counts` (name -> questions that have it) belong to, about `families` of them."""
    family_of: dict[str, str] = {}
    left = sorted(counts)
    for _ in range(TRIES):
        family_of |= _cluster(left, subject, families, ask)
        left = sorted(counts.keys() - family_of.keys())
        if _share(left, counts) <= MAX_OTHER:
            break
    sizes: Counter[str] = Counter()
    for name, family in family_of.items():
        sizes[family] += counts[name]
    large = [family for family, size in sizes.items() if size >= MIN_QUESTIONS]
    kept = set(large or sizes)
    other = [name for name in counts if family_of.get(name) not in kept]
    return Vocabulary(tuple(sorted(kept)), len(counts), _share(other, counts))


def _cluster(names: Sequence[str], subject: str, families: int, ask: Ask) -> dict[str, str]:
    """Name -> family, for those that the teacher put into one; each into the first that names it."""
    chunks = [tuple(names[start : start + CHUNK]) for start in range(0, len(names), CHUNK)]
    asked = [ClusterSkills(labels=chunk, subject=subject, families=families) for chunk in chunks]
    replies = ask(Task.CLUSTER_SKILLS, asked)
    found = {
        name: family
        for reply in replies
        if reply.outcome is Outcome.OK
        for family, members in reply.value.items()
        for name in members
    }
    above = sorted(set(found.values()))
    if len(chunks) == 1 or len(above) >= len(names):
        return found
    upper = _cluster(above, subject, families, ask)
    return {name: upper.get(family, family) for name, family in found.items()}


def _share(names: Sequence[str], counts: Mapping[str, int]) -> float:
    return sum(counts[name] for name in names) / max(1, sum(counts.values()))
